// What trades here, and how does it do? Lists, search, order, and the rows in sight: only those are on the page, and only
// those are asked for. Keys: arrows move, Enter shows the instrument everywhere, s stars it, / goes to the search.

import { h, setAttr, setText } from "../dom.js";
import { createLists } from "./watch-lists.js";
import { COLUMNS, createRow } from "./watch-row.js";
import { covers, ROW_PX, scrollFor, windowOf } from "./watch-window.js";

const TYPED_MS = 120; // how long a pause in typing ends a word

export function createWatch(ctx) {
  let state = {};
  let looked = { from: 0, rows: 40 };
  let asking = false;
  let selected = 0; // number of the row that the Tab key stops at
  let wanted = null; // number of a row that gets the focus once it is on the page
  let recalled = false;
  let sort = { by: "", down: false };
  let typing = 0;
  const rows = new Map(); // symbol -> row

  const lists = createLists(ctx, (name) => choose({ list: name }));
  const find = h("input", { type: "search", class: "vt-watch-find", placeholder: "Symbol or name", "aria-label": "Search by symbol or name", autocomplete: "off", spellcheck: "false", maxlength: "60", on: { input: typed, keydown: findKey } });
  const heads = COLUMNS.map((column) => {
    const style = [`vt-watch-${column.name}`, column.num && "vt-num", column.less && `vt-less-${column.less}`].filter(Boolean).join(" ");
    if (!column.sort) return h("th", { scope: "col", role: "columnheader", class: style }, column.name === "star" ? h("span", { class: "vt-unseen" }, column.head) : column.head);
    const sign = h("span", { class: "vt-sort-sign", "aria-hidden": "true" });
    return h("th", { scope: "col", role: "columnheader", class: style, "aria-sort": "none", "data-sort": column.sort },
      h("button", { type: "button", class: "vt-sort", title: column.name === "percent" ? "Sort by change in percent" : `Sort by ${column.head.toLowerCase()}`, "aria-label": column.name === "percent" ? "Change in percent" : column.head, on: { click: () => sorted(column) } }, column.head, sign));
  });
  const above = h("tr", { "aria-hidden": "true", class: "vt-watch-gap" }, h("td"));
  const below = h("tr", { "aria-hidden": "true", class: "vt-watch-gap" }, h("td"));
  const body = h("tbody", { role: "rowgroup", on: { keydown: bodyKey } }, above, below);
  const table = h("table", { class: "vt-table vt-watch-table", role: "grid", "aria-label": "Instruments" }, h("thead", { role: "rowgroup" }, h("tr", { role: "row", "aria-rowindex": "1" }, ...heads)), body);
  const box = h("div", { class: "vt-watch-box", tabindex: "-1", on: { scroll: scrolled } }, table);
  const nothing = h("p", { class: "vt-empty", hidden: true });
  const gone = h("ul", { class: "vt-watch-gone", "aria-label": "Symbols that are not traded here", hidden: true });
  const node = h("div", { class: "vt-watch vt-card" }, h("div", { class: "vt-watch-bar" }, find, lists.node), lists.form, box, nothing, gone);

  // --- what is looked at ---------------------------------------------------------------------------------------------

  function choose({ list = lists.chosen }) {
    box.scrollTop = 0;
    selected = 0;
    find.value = "";
    look({ watch_list: list, watch_find: "", watch_from: 0 });
    keep(list);
  }

  function keep(list = lists.chosen) {
    ctx.prefs.set("watch", { list, sort: sort.by, down: sort.down });
  }

  function look(changes) {
    if (changes.watch_from !== undefined) looked.from = changes.watch_from;
    if (changes.watch_rows !== undefined) looked.rows = changes.watch_rows;
    return ctx.look(changes);
  }

  function typed() {
    clearTimeout(typing);
    typing = setTimeout(() => {
      box.scrollTop = 0;
      selected = 0;
      look({ watch_find: find.value.trim(), watch_from: 0 });
    }, TYPED_MS);
  }

  function sorted({ sort: by, down = false }) {
    if (sort.by !== by) sort = { by, down };
    else if (sort.down === down) sort = { by, down: !down };
    else sort = { by: "", down: false }; // the third press gives the list's own order back
    paintSort();
    look({ watch_sort: sort.by, watch_down: sort.down });
    keep();
  }

  function paintSort() {
    for (const head of heads) {
      if (!head.dataset.sort) continue;
      const mine = head.dataset.sort === sort.by;
      setAttr(head, "aria-sort", mine ? (sort.down ? "descending" : "ascending") : "none");
      setText(head.querySelector(".vt-sort-sign"), mine ? (sort.down ? " ▼" : " ▲") : "");
    }
  }

  /** Look at the rows in sight; one question at a time, then the newest. */
  async function scrolled() {
    const total = state.watch?.total ?? 0;
    if (asking || covers(looked, box.scrollTop, box.clientHeight, total)) return;
    asking = true;
    const next = windowOf(box.scrollTop, box.clientHeight, total);
    await look({ watch_from: next.from, watch_rows: next.rows });
    asking = false;
    if (!covers(looked, box.scrollTop, box.clientHeight, state.watch?.total ?? 0)) scrolled();
  }

  // --- keys ------------------------------------------------------------------------------------------------------------

  function findKey(event) {
    if (event.key === "ArrowDown") go(0, event);
    else if (event.key === "Enter" && state.watch_rows?.length) show(state.watch_rows[0]);
    else if (event.key === "Escape" && find.value) {
      event.preventDefault();
      find.value = "";
      typed();
    }
  }

  function bodyKey(event) {
    const at = [...rows.values()].find((each) => each.node.contains(document.activeElement))?.row;
    if (!at || event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor(box.clientHeight / ROW_PX) - 2);
    const last = (state.watch?.total ?? 1) - 1;
    const to = { ArrowDown: at.n + 1, ArrowUp: at.n - 1, Home: 0, End: last, PageDown: at.n + page, PageUp: at.n - page }[event.key];
    if (event.key === "ArrowUp" && at.n === 0) find.focus();
    else if (to !== undefined) go(Math.min(last, Math.max(0, to)), event);
    else if (event.key === "Enter" && event.target.tagName !== "BUTTON") show(at);
    else if (event.key === "s" || event.key === "*") star(at);
    else if (event.key === "/") find.focus();
    else return;
    event.preventDefault();
  }

  /** Move to row `n`, wherever it is. */
  function go(n, event) {
    event.preventDefault();
    wanted = n;
    box.scrollTop = scrollFor(n, box.scrollTop, box.clientHeight - headHeight());
    focusWanted();
    scrolled();
  }

  const headHeight = () => table.tHead.offsetHeight;

  function focusWanted() {
    const found = [...rows.values()].find((each) => each.row.n === wanted);
    if (!found) return;
    wanted = null;
    select(found.row);
    found.node.focus({ preventScroll: true });
  }

  function select(row) {
    selected = row.n;
    paintStops();
  }

  /** One row is a stop of the Tab key, with its star. */
  function paintStops() {
    const list = [...rows.values()];
    const stop = list.some((each) => each.row.n === selected) ? selected : Math.min(...list.map((each) => each.row.n));
    for (const each of list) {
      each.node.tabIndex = each.star.tabIndex = each.row.n === stop ? 0 : -1;
    }
  }

  async function show(row) {
    const reply = await ctx.ask({ intent: "watch", symbol: row.symbol });
    if (reply?.kind === "error") ctx.say(reply.text, "error");
  }

  const starList = () => (lists.chosen === "All" ? "Starred" : lists.chosen);

  async function star(row) {
    const reply = await ctx.ask({ intent: row.starred ? "unstar" : "star", symbol: row.symbol, list: starList() });
    if (reply) ctx.say(reply.text, reply.kind);
  }

  // --- painting --------------------------------------------------------------------------------------------------------

  function recall() {
    recalled = true;
    const kept = ctx.prefs.get("watch", {});
    const by = COLUMNS.some((column) => column.sort && column.sort === kept.sort) ? kept.sort : "";
    sort = { by, down: by !== "" && kept.down === true };
    paintSort();
    const list = typeof kept.list === "string" && kept.list.length <= 40 ? kept.list : "All";
    if (by || list !== "All") look({ watch_list: list, watch_sort: sort.by, watch_down: sort.down });
  }

  function paintRows(list, total) {
    const seen = new Set(list.map((row) => row.symbol));
    const focused = body.contains(document.activeElement) ? selected : null;
    for (const [symbol, row] of rows) {
      if (seen.has(symbol)) continue;
      if (row.node.contains(document.activeElement)) {
        wanted ??= focused;
        box.focus({ preventScroll: true }); // the keys stay here while the row is somewhere else
      }
      row.node.remove();
      rows.delete(symbol);
    }
    let next = above.nextSibling;
    for (const row of list) {
      let line = rows.get(row.symbol);
      const first = !line;
      if (first) {
        line = createRow({ star, show, select });
        rows.set(row.symbol, line);
      }
      if (line.node === next) next = next.nextSibling;
      else body.insertBefore(line.node, next);
      if (line.row !== row) line.paint(row, { list: starList(), first });
      setAttr(line.node, "aria-current", row.symbol === state.symbol ? "true" : null);
      setAttr(line.node, "aria-selected", String(row.symbol === state.symbol));
    }
    gap(above, list[0]?.n ?? 0);
    gap(below, total - (list[0]?.n ?? 0) - list.length);
    setAttr(table, "aria-rowcount", total + 1);
    setAttr(table, "data-year", list.some((row) => row.year_low !== null) ? "true" : null);
    paintStops();
    if (wanted !== null) focusWanted();
  }

  function gap(row, count) {
    const height = `${Math.max(0, count) * ROW_PX}px`;
    if (row.vtHeight === height) return;
    row.vtHeight = height;
    row.firstChild.style.height = height;
    row.hidden = count <= 0;
  }

  function paintNothing(watch) {
    const searched = find.value.trim();
    const text = watch.total > 0 ? "" : searched
      ? `Nothing in ${watch.list} is called “${searched}”. Try the first letters of a symbol or of a word of the name.`
      : `The list ${watch.list} is empty. Choose All and press the star of a symbol, or add one by its symbol.`;
    setText(nothing, text);
    nothing.hidden = !text;
    box.hidden = Boolean(text);
  }

  function paintGone(watch) {
    const key = JSON.stringify([watch.list, watch.gone]);
    if (gone.vtKey === key) return;
    gone.vtKey = key;
    gone.hidden = watch.gone.length === 0;
    gone.replaceChildren(...watch.gone.map((symbol) => h("li", {}, h("span", {}, h("b", {}, symbol), " is not traded here any more."),
      h("button", { type: "button", class: "vt-small", "aria-label": `Remove ${symbol} from ${watch.list}`, on: { click: () => star({ symbol, starred: true }) } }, "Remove"))));
  }

  return {
    node,
    needs: ["watch", "watch_rows", "sparks", "symbol", "prefs"],
    paint(next, changed) {
      state = next;
      const { watch } = state;
      if (!watch) return;
      if (!recalled && state.prefs) recall();
      if (changed.has("watch")) {
        lists.paint(watch);
        paintGone(watch);
      }
      paintNothing(watch);
      if (["watch", "watch_rows", "symbol"].some((name) => changed.has(name))) paintRows(state.watch_rows ?? [], watch.total);
      for (const spark of state.sparks ?? []) {
        const line = rows.get(spark.symbol);
        if (line && line.spark !== spark) {
          line.spark = spark;
          line.paintSpark(spark);
        }
      }
      scrolled();
    },
    close() {
      clearTimeout(typing);
    },
  };
}
