// How is the page built? Once; afterwards only texts, classes and row order change.

let ids = 0;

/** An id that no other node of this page has. */
export const uniqueId = (name) => `vt-${name}-${(ids += 1)}`;

/** Make an element. `props`: attributes; `on`: listeners by event; a true attribute is written empty, a false one left out. */
export function h(tag, { on = {}, ...props } = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== undefined && value !== null) node.setAttribute(name, value);
  }
  for (const [name, listener] of Object.entries(on)) node.addEventListener(name, listener);
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** Write a text where it differs from what stands there. */
export function setText(node, text) {
  if (node.vtText === text) return;
  node.vtText = text;
  node.textContent = text;
}

/** Write an attribute where it differs; `null` and `false` take it away. */
export function setAttr(node, name, value) {
  const text = value === true ? "" : value;
  if (text === null || text === undefined || text === false) {
    if (node.hasAttribute(name)) node.removeAttribute(name);
  } else if (node.getAttribute(name) !== String(text)) {
    node.setAttribute(name, text);
  }
}

const ICONS = {
  centre: "M7 0h2v4H7zM7 12h2v4H7zM0 7h4v2H0zM12 7h4v2h-4zM8 5.5a2.5 2.5 0 1 0 0 5a2.5 2.5 0 1 0 0-5z",
  play: "M4 2.5v11l9-5.5z",
  pause: "M4 2.5h3v11H4zM9 2.5h3v11H9z",
  step: "M3 2.5v11l7-5.5zM11 2.5h2v11h-2z",
  rewind: "M8 2.5v11L1 8zM15 2.5v11L8 8z",
  fork: "M3 1h2v5.2c.9-.8 2-1.2 3.4-1.2H10V3l4 3-4 3V7H8.4C6.5 7 5 8.3 5 10.4V15H3z",
};

/** A small picture that says nothing to a screen reader. */
export function icon(name) {
  const ns = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(ns, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", "vt-icon");
  svg.append(document.createElementNS(ns, "path"));
  setIcon(svg, name);
  return svg;
}

export function setIcon(svg, name) {
  setAttr(svg.firstChild, "d", ICONS[name]);
}

/**
 * A table whose rows keep their identity from one view to the next.
 *
 * columns: [{ head, num, kind, cell(row) -> text, tone(row) -> "up|down|...", title(row), fill(td, row) for buttons }]
 */
export function keyedTable({ label, columns, key, empty, mark = () => ({}) }) {
  const body = h("tbody");
  const style = ({ num, kind }) => (num ? "vt-num" : kind ? `vt-${kind}` : null);
  const heads = columns.map((column) => h("th", { scope: "col", class: style(column) }, column.head));
  const table = h("table", { class: "vt-table", "aria-label": label }, h("thead", {}, h("tr", {}, ...heads)), body);
  const nothing = h("p", { class: "vt-empty" }, empty);
  const node = h("div", { class: "vt-table-box" }, table, nothing);
  const rows = new Map();
  let settled = false; // the rows of the first picture are no news

  function paintRow(tr, row) {
    for (const [name, value] of Object.entries(mark(row))) {
      if (name === "data-status" && settled && tr.getAttribute(name) !== String(value)) flash(tr);
      setAttr(tr, name, value);
    }
    columns.forEach((column, index) => {
      const td = tr.children[index];
      if (column.fill) {
        column.fill(td, row);
      } else {
        setText(td, column.cell(row));
        if (column.tone) setAttr(td, "data-tone", column.tone(row));
        if (column.title) setAttr(td, "title", column.title(row) || null);
      }
    });
  }

  function paint(list) {
    const seen = new Set(list.map((row) => String(row[key])));
    for (const [id, tr] of rows) {
      if (!seen.has(id)) {
        tr.remove();
        rows.delete(id);
      }
    }
    let next = body.firstChild;
    for (const row of list) {
      const id = String(row[key]);
      let tr = rows.get(id);
      if (!tr) {
        tr = h("tr", { "data-key": id }, ...columns.map((column) => h("td", { class: style(column) })));
        rows.set(id, tr);
      }
      if (tr === next) next = next.nextSibling;
      else body.insertBefore(tr, next);
      if (tr.vtRow !== row) {
        tr.vtRow = row;
        paintRow(tr, row);
      }
    }
    table.hidden = list.length === 0;
    nothing.hidden = list.length > 0;
    settled = true;
  }
  return { node, paint };
}

/** Light a row up once. */
export function flash(node) {
  node.classList.remove("vt-flash");
  void node.offsetWidth; // starts the animation again
  node.classList.add("vt-flash");
}

/** Tabs with the keyboard manners of the ARIA pattern. items: [{ name, title, node }]; `turned(name)` hears of choices. */
export function tabs(label, items, turned = () => {}) {
  const strip = h("div", { role: "tablist", "aria-label": label, class: "vt-tabs" });
  const node = h("div", { class: "vt-tabbed" }, strip);
  let current = null;
  const entries = items.map((item) => {
    const id = uniqueId("tab");
    const count = h("span", { class: "vt-count" });
    const tab = h("button", { type: "button", role: "tab", id, "aria-controls": `${id}-panel`, "data-tab": item.name }, item.title, count);
    const page = h("div", { role: "tabpanel", id: `${id}-panel`, "aria-labelledby": id, tabindex: "0", class: "vt-page" }, item.node);
    strip.append(tab);
    node.append(page);
    tab.addEventListener("click", () => choose(item.name));
    return { name: item.name, tab, page, count };
  });

  function choose(name, focus = false) {
    const before = current;
    current = name;
    for (const entry of entries) {
      const chosen = entry.name === name;
      setAttr(entry.tab, "aria-selected", String(chosen));
      setAttr(entry.tab, "tabindex", chosen ? "0" : "-1");
      entry.page.hidden = !chosen;
      if (chosen && focus) entry.tab.focus();
    }
    if (before !== null && before !== name) turned(name);
  }

  strip.addEventListener("keydown", (event) => {
    const at = entries.findIndex((entry) => entry.name === current);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: entries.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    choose(entries[(to + entries.length) % entries.length].name, true);
  });
  choose(items[0].name);
  const count = (name, text) => setText(entries.find((entry) => entry.name === name).count, text);
  return { node, choose, count, chosen: () => current };
}
