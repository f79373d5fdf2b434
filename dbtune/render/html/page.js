// The page as a whole: links to nodes, buttons that copy, what is done before printing.

const trees = new Map();

const choose = (plan, id, scroll = true) => {
  const tree = trees.get(Number(plan));
  const node = tree && tree.byId.get(Number(id));
  if (!node) return;
  tree.choose(node, scroll);
  if (scroll) tree.rows.get(node).scrollIntoView({ block: "center" });
};

const follow = (place) => {
  const found = /^#p(\d+)n(\d+)$/.exec(place);
  if (found) choose(found[1], found[2]);
};

const copy = async (event) => {
  const pressed = event.target.closest("button.copy");
  if (!pressed) return;
  const code = pressed.parentElement.querySelector("code");
  try {
    await navigator.clipboard.writeText(code.textContent);
  } catch {
    const range = document.createRange();
    range.selectNodeContents(code);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    document.execCommand("copy");
  }
  pressed.textContent = "Copied";
  setTimeout(() => (pressed.textContent = "Copy"), 1500);
};

document.documentElement.classList.add("js");
const data = document.getElementById("data");
for (const plan of data ? JSON.parse(data.textContent) : [])
  trees.set(plan.number, new Tree(document.getElementById(`p${plan.number}`), plan));
document.querySelectorAll("svg.flame").forEach(flame);
document.addEventListener("click", copy);
document.addEventListener("click", (event) => {
  const link = event.target.closest("a.node");
  if (link) follow(link.getAttribute("href"));
});
addEventListener("hashchange", () => follow(location.hash));
addEventListener("beforeprint", () => {
  for (const one of document.querySelectorAll("details")) one.open = one.textContent.length < 20000;
});
follow(location.hash);
