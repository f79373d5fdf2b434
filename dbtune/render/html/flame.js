// The flame views, which are on the page already: a click zooms, and arrows lead through frames.

const mark = (plan, id) => {
  for (const frame of document.querySelectorAll(`svg.flame[data-plan="${plan}"] > .frame`))
    frame.classList.toggle("chosen", frame.dataset.node === String(id));
};

// Click or Enter: the frame fills the width, and its node is chosen. Arrows lead through frames.
const flame = (picture) => {
  const all = [...picture.querySelectorAll(".frame")].map((element) => {
    const [x, width, y] = ["x", "width", "y"].map((name) => parseFloat(element.getAttribute(name)));
    const spoken = element.querySelector("title").textContent.split("\n").slice(0, 2).join(", ");
    element.setAttribute("role", "button");
    element.setAttribute("aria-label", spoken);
    return { element, x, width, y, end: x + width };
  });
  const of = (event) => {
    const element = event.target.closest(".frame");
    return all.find((frame) => frame.element === element);
  };
  const within = (inner, outer) => inner.x >= outer.x - 1e-3 && inner.end <= outer.end + 1e-3;
  const zoom = (on) => {
    for (const frame of all) {
      const around = frame.y < on.y && within(on, frame);
      const inside = frame.y >= on.y && within(frame, on);
      frame.hidden = !around && !inside;
      frame.element.style.display = frame.hidden ? "none" : "";
      const [x, width] = around ? [0, on.width] : [frame.x - on.x, frame.width];
      frame.element.setAttribute("x", `${(x / on.width) * 100}%`);
      frame.element.setAttribute("width", `${(width / on.width) * 100}%`);
    }
  };
  const use = (frame) => {
    zoom(frame);
    if (frame.element.dataset.node) choose(picture.dataset.plan, frame.element.dataset.node, false);
  };
  const next = (frame, key) => {
    const seen = all.filter((one) => !one.hidden);
    const row = seen.filter((one) => one.y === frame.y);
    if (key === "ArrowLeft") return row[row.indexOf(frame) - 1];
    if (key === "ArrowRight") return row[row.indexOf(frame) + 1];
    if (key === "ArrowDown") return seen.find((one) => one.y > frame.y && within(one, frame));
    return seen.reverse().find((one) => one.y < frame.y && within(frame, one));
  };
  picture.addEventListener("click", (event) => of(event) && use(of(event)));
  picture.addEventListener("keydown", (event) => {
    const frame = of(event);
    if (!frame) return;
    if (event.key === "Enter" || event.key === " ") use(frame);
    else if (event.key === "Escape") zoom(all[0]);
    else if (event.key.startsWith("Arrow")) {
      const other = next(frame, event.key);
      if (other) {
        frame.element.setAttribute("tabindex", "-1");
        other.element.setAttribute("tabindex", "0");
        other.element.focus();
      }
    } else return;
    event.preventDefault();
  });
  if (all.length) all[0].element.setAttribute("tabindex", "0");
};
