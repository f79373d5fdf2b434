// The trees of plans, made of the data that the page holds. Text from a plan only ever becomes the
// textContent of an element. Rows are made when they are to be seen: a plan may have thousands.

const SMALL = 60; // plans of so many nodes are shown whole
const NOISE = 0.01; // branches of a smaller share are noise in larger ones
const RUN = 3; // so many noisy siblings in a row are one line
const BATCH = 200; // and so many of them are shown at a time

const make = (tag, className, text) => {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text) element.textContent = text;
  return element;
};

const button = (text, action) => {
  const made = make("button", "", text);
  made.type = "button";
  made.addEventListener("click", action);
  return made;
};

class Tree {
  constructor(viewer, plan) {
    this.viewer = viewer;
    this.plan = plan;
    this.nodes = plan.nodes;
    this.byId = new Map(this.nodes.map((node) => [node.id, node]));
    this.rows = new Map();
    this.link();
    this.draw();
  }

  // Parents and children, what each branch has in all, and which are open at first.
  link() {
    const path = [];
    for (const node of this.nodes) {
      const depth = node.depth || 0;
      path.length = depth;
      node.depth = depth;
      node.kids = [];
      node.parent = path[depth - 1] || null;
      node.branch = node.share || 0;
      node.matters = Boolean(node.findings);
      if (node.parent) node.parent.kids.push(node);
      path.push(node);
    }
    const small = this.nodes.length <= SMALL;
    for (const node of [...this.nodes].reverse()) {
      node.matters = node.matters || node.branch >= NOISE || small;
      node.open = node.kids.some((kid) => kid.matters) || (!node.parent && node.kids.length > 0);
      if (!node.parent) continue;
      node.parent.branch += node.branch;
      node.parent.matters = node.parent.matters || node.matters;
    }
  }

  draw() {
    const deepest = Math.max(...this.nodes.map((node) => node.depth));
    this.viewer.style.setProperty("--deepest", Math.max(1, deepest));
    const find = make("input");
    find.type = "search";
    find.placeholder = "find table, index, condition …";
    find.setAttribute("aria-label", "Find a node");
    find.addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.find(find.value);
    });
    const tools = make("div", "tools");
    tools.append(
      find,
      button("Next", () => this.find(find.value)),
      button("Open all", () => this.openAll()),
      button("Close all", () => this.closeAll()),
    );
    const head = make("div", "head row");
    head.setAttribute("aria-hidden", "true");
    const heads = { amount: this.plan.unit === "ms" ? "time" : this.plan.unit, error: "est" };
    this.columns = ["amount", "planned", "rows", "error", "loops"].filter((name) =>
      this.nodes.some((node) => node[name]),
    );
    this.viewer.style.setProperty("--columns", this.columns.length);
    for (const name of ["own", ...this.columns, "node"])
      head.append(make("span", name, heads[name] || name));
    this.tree = make("div", "tree");
    this.tree.setAttribute("role", "tree");
    this.tree.setAttribute("aria-label", `Plan ${this.plan.number}`);
    this.tree.addEventListener("click", (event) => this.clicked(event));
    this.tree.addEventListener("keydown", (event) => this.pressed(event));
    this.panel = make("aside", "panel");
    this.panel.setAttribute("aria-label", "Details of the node");
    this.panel.hidden = true;
    if (matchMedia("(hover: hover)").matches) this.preview();
    const list = make("div", "list");
    list.append(head, this.tree);
    this.viewer.append(tools, list, this.panel);
    this.reset();
    if (matchMedia("(min-width: 64rem)").matches)
      this.show(this.nodes.reduce((a, b) => ((b.share || 0) > (a.share || 0) ? b : a)));
  }

  preview() {
    this.tree.addEventListener("mouseover", (event) => {
      const row = event.target.closest("[role=treeitem]");
      if (row && row.node) this.show(row.node);
    });
    this.tree.addEventListener("mouseleave", () => this.selected && this.show(this.selected));
  }

  reset() {
    const root = this.nodes[0];
    this.rows.clear();
    this.tree.replaceChildren(this.row(root, 0), ...this.below(root));
    this.tree.firstChild.tabIndex = 0;
  }

  // ------------------------------------------------------------------------------------- rows

  // The rows below an open node.
  below(node) {
    return node.open ? this.batch(node, 0, node.kids.length) : [];
  }

  // Rows of some of a node's children; of long runs of noise only one row that stands for them,
  // but for those among the first `shown`.
  batch(parent, from, to, shown = 0) {
    const made = [];
    const kids = parent.kids;
    for (let at = from; at < to; ) {
      let end = at;
      while (end < to && !kids[end].matters) end += 1;
      if (end - at >= RUN && at - from >= shown) {
        made.push(this.fold(parent, at, end));
        at = end;
      } else {
        made.push(this.row(kids[at], at), ...this.below(kids[at]));
        at += 1;
      }
    }
    return made;
  }

  item(className, depth, position, siblings) {
    const row = make("div", `row ${className}`);
    row.tabIndex = -1;
    row.setAttribute("role", "treeitem");
    row.setAttribute("aria-level", depth + 1);
    row.setAttribute("aria-posinset", position + 1);
    row.setAttribute("aria-setsize", siblings);
    return row;
  }

  fold(parent, from, to) {
    const kids = parent.kids.slice(from, to);
    const row = this.item("fold", parent.depth + 1, from, parent.kids.length);
    row.folded = { parent, from, to };
    const share = kids.reduce((sum, kid) => sum + kid.branch, 0);
    const cell = make("span", "node");
    cell.style.setProperty("--depth", parent.depth + 1);
    const numbers = `#${kids[0].id} to #${kids[kids.length - 1].id}`;
    const what = `${kids.length} more, ${numbers}: ${kids[0].title}, …`;
    cell.append(make("span", "twisty", "▸"), make("span", "title", what));
    row.append(make("span", "own", share ? `${(share * 100).toFixed(1)}%` : ""));
    for (const name of this.columns) row.append(make("span", name));
    row.append(cell);
    return row;
  }

  unfold(row) {
    const { parent, from, to } = row.folded;
    const made = this.batch(parent, from, to, BATCH);
    row.replaceWith(...made);
    return made[0];
  }

  row(node, position) {
    const siblings = node.parent ? node.parent.kids.length : 1;
    const row = this.item(`heat${heat(node.share || 0)}`, node.depth, position, siblings);
    row.id = `p${this.plan.number}n${node.id}`;
    row.node = node;
    row.setAttribute("aria-selected", String(node === this.selected));
    row.setAttribute("aria-label", this.spoken(node));
    if (node.kids.length) row.setAttribute("aria-expanded", String(node.open));
    if (node.skipped) row.classList.add("skipped");
    const own = make("span", "own", node.own);
    const bar = make("i");
    bar.style.width = `${Math.min(1, node.share || 0) * 100}%`;
    own.prepend(bar);
    row.append(own);
    for (const name of this.columns) row.append(make("span", name, node[name]));
    row.append(this.label(node));
    this.rows.set(node, row);
    return row;
  }

  label(node) {
    const cell = make("span", "node");
    cell.style.setProperty("--depth", node.depth);
    cell.append(make("span", "twisty", node.kids.length ? (node.open ? "▾" : "▸") : ""));
    const text = make("span", "text");
    text.append(make("small", "", `#${node.id} `), make("span", "title", node.title));
    for (const mark of node.marks || []) text.append(" ", make("span", "mark", mark));
    for (const [number, rule, level] of node.findings || []) {
      const link = make("a", `tag ${level}`, rule.replace(/^[^.]*\./, ""));
      link.href = `#f${number}`;
      link.tabIndex = -1;
      text.append(" ", link);
    }
    if (node.findings || (node.share || 0) >= 0.1)
      for (const detail of node.details || []) text.append(make("span", "detail", detail));
    cell.append(text);
    return cell;
  }

  spoken(node) {
    const words = [`#${node.id} ${node.title}`];
    if (node.own) words.push(`${node.own} own, ${node.amount}`);
    if (node.rows) words.push(`${node.rows} rows`);
    if (node.error) words.push(`${node.error} estimated`);
    words.push(...(node.marks || []), ...(node.findings || []).map((one) => one[1]));
    return words.join(", ");
  }

  // -------------------------------------------------------------------------- open and closed

  toggle(node, open = !node.open) {
    const row = this.rows.get(node);
    if (!row || !node.kids.length || node.open === open) return;
    node.open = open;
    row.setAttribute("aria-expanded", String(open));
    row.querySelector(".twisty").textContent = open ? "▾" : "▸";
    if (open) {
      row.after(...this.below(node));
      return;
    }
    const level = node.depth + 1;
    const isBelow = (other) => other && Number(other.getAttribute("aria-level")) > level;
    while (isBelow(row.nextElementSibling)) {
      this.rows.delete(row.nextElementSibling.node);
      row.nextElementSibling.remove();
    }
  }

  openAll() {
    for (const node of this.nodes) {
      node.open = node.kids.length > 0;
      node.matters = true;
    }
    this.reset();
    if (this.selected) this.choose(this.selected, false);
  }

  closeAll() {
    for (const node of this.nodes) node.open = false;
    this.reset();
  }

  // Make the rows that lead to a node; returns its own.
  reveal(node) {
    const path = [node];
    while (path[0].parent) path.unshift(path[0].parent);
    for (const step of path) {
      if (!this.rows.has(step)) {
        const at = step.parent.kids.indexOf(step);
        const fold = [...this.tree.querySelectorAll(".fold")].find(
          ({ folded }) => folded.parent === step.parent && folded.from <= at && at < folded.to,
        );
        const { parent, from, to } = fold.folded;
        step.matters = true;
        fold.replaceWith(...this.batch(parent, from, to));
      }
      if (step !== node) this.toggle(step, true);
    }
    return this.rows.get(node);
  }

  // --------------------------------------------------------------------------- the chosen node

  choose(node, focus = true) {
    const row = this.reveal(node);
    const before = this.selected && this.rows.get(this.selected);
    if (before) before.setAttribute("aria-selected", "false");
    this.selected = node;
    row.setAttribute("aria-selected", "true");
    this.show(node);
    this.point(row, focus);
    mark(this.plan.number, node.id);
  }

  point(row, focus = true) {
    for (const one of this.tree.querySelectorAll("[tabindex='0']")) one.tabIndex = -1;
    row.tabIndex = 0;
    if (focus) {
      row.focus({ preventScroll: true });
      row.scrollIntoView({ block: "nearest" });
    }
  }

  show(node) {
    this.panel.hidden = !node;
    if (!node || this.shown === node) return;
    this.shown = node;
    const close = button("×", () => {
      this.selected = null;
      this.shown = null;
      this.panel.hidden = true;
    });
    close.className = "close";
    close.setAttribute("aria-label", "Close");
    const parts = [close, make("h3", "", `#${node.id} ${node.title}`)];
    if (node.own) parts.push(make("p", "", `${node.own} of the whole: ${node.amount} of its own`));
    if (node.marks) parts.push(make("p", "", node.marks.join(" · ")));
    for (const [number, rule, level] of node.findings || []) {
      const link = make("a", `tag ${level}`, rule);
      link.href = `#f${number}`;
      const line = make("p");
      line.append(link);
      parts.push(line);
    }
    for (const [group, facts] of node.facts || []) {
      const list = make("dl");
      for (const [label, text] of facts) list.append(make("dt", "", label), make("dd", "", text));
      parts.push(make("h4", "", group), list);
    }
    this.panel.replaceChildren(...parts);
    this.panel.scrollTop = 0;
  }

  find(words) {
    const wanted = words.trim().toLowerCase();
    if (!wanted) return;
    const start = this.selected ? this.nodes.indexOf(this.selected) + 1 : 0;
    for (let step = 0; step < this.nodes.length; step += 1) {
      const node = this.nodes[(start + step) % this.nodes.length];
      const { title, marks, details, facts } = node;
      if (!JSON.stringify([title, marks, details, facts]).toLowerCase().includes(wanted)) continue;
      this.choose(node, false);
      this.rows.get(node).scrollIntoView({ block: "center" });
      return;
    }
  }

  // ----------------------------------------------------------------------- mouse and keyboard

  clicked(event) {
    const row = event.target.closest("[role=treeitem]");
    if (!row || event.target.closest("a")) return;
    if (row.folded) this.point(this.unfold(row));
    else if (event.target.closest(".twisty")) this.toggle(row.node);
    else this.choose(row.node);
  }

  pressed(event) {
    const row = event.target.closest("[role=treeitem]");
    if (!row || event.ctrlKey || event.altKey || event.metaKey) return;
    const node = row.node;
    const to = (other) => other && this.point(other);
    const actions = {
      ArrowDown: () => to(row.nextElementSibling),
      ArrowUp: () => to(row.previousElementSibling),
      Home: () => to(this.tree.firstElementChild),
      End: () => to(this.tree.lastElementChild),
      ArrowRight: () => {
        if (row.folded) this.point(this.unfold(row));
        else if (node.kids.length && !node.open) this.toggle(node, true);
        else if (node.open) to(row.nextElementSibling);
      },
      ArrowLeft: () => {
        if (node && node.open) this.toggle(node, false);
        else to(this.rows.get(node ? node.parent : row.folded.parent));
      },
      Enter: () => (row.folded ? this.point(this.unfold(row)) : this.choose(node)),
      Escape: () => this.show(null),
    };
    actions[" "] = actions.Enter;
    if (!actions[event.key]) return;
    event.preventDefault();
    actions[event.key]();
  }
}

const heat = (share) => [0.01, 0.1, 0.25, 0.4].filter((step) => share >= step).length;
