// How does a long table stay live under a reader's hands? Rows keep their identity, focus and scroll survive, columns sort.
// Keys: arrows go from row to row, Home and End to the ends, Enter opens a row; only one row is a stop of the Tab key.

import { flash, h, setAttr, setText } from "../dom.js";

const SIGNS = { up: "▲", down: "▼", none: "" };

/** The sort after one more press on a column: the other way round, the first way is by `down`. */
export function nextSort(sort, name, down) {
  const [first, second] = down ? [`-${name}`, name] : [name, `-${name}`];
  return sort === first ? second : first;
}

/**
 * columns: [{ name, head, num, kind, sort, down, less, cell(row), tone(row), title(row), fill(td, row) }]
 *   sort: it can be sorted by; down: the largest first; less: 1 or 2, hidden where there is little room
 * open(row): a row was opened; sorted(sort): another order is wished for; kept(key): a row that must not go away
 */
export function createTable({ label, key, columns, mark = () => ({}), open, sorted = () => {}, kept = () => false }) {
  const body = h("tbody", { role: "rowgroup" });
  const foot = h("tfoot", { role: "rowgroup", hidden: true });
  const style = ({ num, kind, less }) => [num && "vt-num", kind && `vt-c-${kind}`, less && `vt-less-${less}`].filter(Boolean).join(" ") || null;
  const heads = columns.map((column) => {
    if (!column.sort) return h("th", { scope: "col", role: "columnheader", class: style(column) }, column.head || h("span", { class: "vt-unseen" }, "Actions"));
    const sign = h("span", { class: "vt-list-sort-sign", "aria-hidden": "true" });
    const button = h("button", { type: "button", class: "vt-list-sort", title: `Sort by ${column.head.toLowerCase()}`, on: { click: () => sorted(nextSort(sort, column.name, column.down)) } }, column.head, sign);
    return h("th", { scope: "col", role: "columnheader", class: style(column), "aria-sort": "none", "data-column": column.name }, button);
  });
  const table = h("table", { class: "vt-table vt-list-table", role: "table", "aria-label": label },
    h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, ...heads)), body, foot);
  const rows = new Map();
  let sort = "";
  let current = null; // key of the row that the Tab key stops at
  let settled = false; // the rows of the first picture are no news

  const controls = (tr) => [...tr.querySelectorAll("button, input, select")];

  function setCurrent(id) {
    if (current !== null && rows.has(current)) for (const each of controls(rows.get(current))) each.tabIndex = -1;
    current = id;
    if (id !== null && rows.has(id)) for (const each of controls(rows.get(id))) each.tabIndex = 0;
  }

  function paintRow(tr, row) {
    for (const [name, value] of Object.entries(mark(row))) {
      if (name === "data-status" && settled && tr.hasAttribute(name) && tr.getAttribute(name) !== String(value)) flash(tr);
      setAttr(tr, name, value);
    }
    columns.forEach((column, index) => {
      const td = tr.children[index];
      if (column.fill) {
        column.fill(td, row);
      } else {
        setText(td, column.cell(row));
        if (column.title) setAttr(td, "title", column.title(row) || null);
      }
      if (column.tone) setAttr(td, "data-tone", column.tone(row));
    });
    for (const each of controls(tr)) each.tabIndex = tr.dataset.key === current ? 0 : -1;
  }

  function place(list) {
    let next = body.firstChild;
    for (const row of list) {
      const id = String(row[key]);
      let tr = rows.get(id);
      if (!tr) {
        tr = h("tr", { role: "row", "data-key": id }, ...columns.map((column) => h("td", { role: "cell", class: style(column), "data-label": column.head || null })));
        rows.set(id, tr);
      }
      if (tr === next) next = next.nextSibling;
      else body.insertBefore(tr, next);
      if (tr.vtRow !== row) {
        tr.vtRow = row;
        paintRow(tr, row);
      }
    }
  }

  function paint(list) {
    const focused = body.contains(document.activeElement) ? document.activeElement : null;
    const seen = new Set(list.map((row) => String(row[key])));
    const stay = [];
    let lost = -1; // place of the focused row that went away
    for (const [id, tr] of [...rows]) {
      if (seen.has(id)) continue;
      if (kept(id)) {
        stay.push(tr.vtRow);
        continue;
      }
      if (focused && tr.contains(focused)) lost = [...body.children].indexOf(tr);
      tr.remove();
      rows.delete(id);
    }
    place([...list, ...stay]);
    if (current === null || !rows.has(current)) setCurrent(body.firstChild?.dataset.key ?? null);
    if (lost >= 0) focusRow(body.children[Math.min(lost, body.children.length - 1)]);
    else if (focused && focused.isConnected && document.activeElement !== focused) focused.focus({ preventScroll: true });
    table.hidden = rows.size === 0;
    settled = true;
  }

  function focusRow(tr) {
    if (!tr) return;
    setCurrent(tr.dataset.key);
    controls(tr)[0]?.focus();
  }

  body.addEventListener("focusin", (event) => setCurrent(event.target.closest("tr").dataset.key));
  body.addEventListener("click", (event) => {
    if (event.target.closest("button, input, select, label") || String(document.getSelection() ?? "")) return;
    const tr = event.target.closest("tr");
    if (!tr || !open) return;
    setCurrent(tr.dataset.key);
    open(tr.vtRow);
  });
  body.addEventListener("keydown", (event) => {
    if (event.target.matches("input, select")) return;
    const tr = event.target.closest("tr");
    const all = [...body.children];
    const at = all.indexOf(tr);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
    if (to === undefined || !all[to]) return;
    event.preventDefault();
    const cell = event.target.closest("td");
    const column = [...tr.children].indexOf(cell);
    const place = [...cell.querySelectorAll("button")].indexOf(event.target);
    const there = all[to].children[column]?.querySelectorAll("button") ?? [];
    setCurrent(all[to].dataset.key);
    (there[Math.min(place, there.length - 1)] ?? controls(all[to])[0])?.focus();
  });

  return {
    node: table,
    body,
    foot,
    paint,
    /** Show by what the rows are sorted. */
    setSort(now) {
      sort = now;
      for (const th of heads) {
        const name = th.dataset.column;
        if (!name) continue;
        const way = sort === name ? "ascending" : sort === `-${name}` ? "descending" : "none";
        setAttr(th, "aria-sort", way);
        setText(th.querySelector(".vt-list-sort-sign"), way === "ascending" ? SIGNS.up : way === "descending" ? SIGNS.down : SIGNS.none);
      }
    },
    row: (id) => rows.get(String(id)),
    repaint(id) {
      const tr = rows.get(String(id));
      if (tr) paintRow(tr, tr.vtRow);
    },
    focus: (id) => focusRow(rows.get(String(id)) ?? body.firstChild),
    get size() {
      return rows.size;
    },
  };
}
