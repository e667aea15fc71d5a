// What stands above and below a list? Filters, a search, pages, and buttons that ask once before they do much.

import { h, setAttr, setText } from "../dom.js";
import { quantity } from "../format.js";

const SEARCH_MS = 250; // a search is sent when the typing rests
const PAGE_SIZES = [30, 60, 200, 500];

/** A button that asks once: pressed, it turns into its question with a yes and a no. */
export function askOnce({ label, name, question, yes, act }) {
  const button = h("button", { type: "button", class: `vt-small vt-do-${name}`, on: { click: ask } }, label);
  const words = h("span", {});
  const sure = h("button", { type: "button", class: "vt-small vt-sure", on: { click: doIt } }, yes);
  const leave = h("button", { type: "button", class: "vt-small", on: { click: () => close(true) } }, "No");
  const asked = h("span", { class: "vt-sure-box", role: "group", "aria-label": label, hidden: true }, words, sure, leave);
  const node = h("span", { class: "vt-ask-once" }, button, asked);

  function ask() {
    setText(words, question());
    button.hidden = true;
    asked.hidden = false;
    sure.focus();
  }
  function close(back) {
    asked.hidden = true;
    button.hidden = false;
    if (back) button.focus();
  }
  async function doIt() {
    sure.disabled = true;
    try {
      await act();
    } finally {
      sure.disabled = false;
      close(asked.contains(document.activeElement) || document.activeElement === document.body);
    }
  }
  asked.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    close(true);
  });
  return {
    node,
    /** Whether there is anything to do, and how much. */
    paint(count) {
      node.hidden = count === 0 && asked.hidden;
      setText(button, count > 1 ? `${label} (${quantity(count)})` : label);
    },
  };
}

/** A row of buttons of which one is chosen. choices: [[value, word]] */
export function segments(label, choices, chosen) {
  const buttons = choices.map(([value, word]) => {
    const count = h("span", { class: "vt-count" });
    return { value, count, node: h("button", { type: "button", class: "vt-list-segment", "data-value": value, "aria-pressed": "false", on: { click: () => chosen(value) } }, word, count) };
  });
  return {
    node: h("div", { class: "vt-list-segments", role: "group", "aria-label": label }, ...buttons.map(({ node }) => node)),
    set: (value) => buttons.forEach((each) => setAttr(each.node, "aria-pressed", String(each.value === value))),
    count: (counts) => buttons.forEach(({ value, count }) => setText(count, counts[value] ? quantity(counts[value]) : "")),
  };
}

/** Symbol, side and a search; `changed(look)` hears what is wished for. */
export function createFilters(changed) {
  const symbol = h("select", { class: "vt-list-filter", "aria-label": "Symbol", on: { change: () => changed({ blotter_symbol: symbol.value }) } });
  const side = h("select", { class: "vt-list-filter", "aria-label": "Side", on: { change: () => changed({ blotter_side: side.value }) } },
    h("option", { value: "" }, "Both sides"), h("option", { value: "buy" }, "▲ Buys"), h("option", { value: "sell" }, "▼ Sells"));
  const find = h("input", { class: "vt-list-filter vt-list-find", type: "search", placeholder: "Search symbol, reason…", maxlength: "80", "aria-label": "Search in symbol, name, status and reason" });
  let timer = 0;
  find.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => changed({ blotter_text: find.value.trim() }), SEARCH_MS);
  });
  let known = null;
  return {
    nodes: [symbol, side, find],
    /** Offer the symbols there are; keep the one that is chosen. */
    symbols(list) {
      const text = list.join();
      if (text === known) return;
      known = text;
      const chosen = symbol.value;
      symbol.replaceChildren(h("option", { value: "" }, "All symbols"), ...list.map((name) => h("option", { value: name }, name)));
      symbol.value = list.includes(chosen) ? chosen : "";
    },
    set(look) {
      symbol.value = look.symbol;
      side.value = look.side;
      if (document.activeElement !== find) find.value = look.text;
    },
    close: () => clearTimeout(timer),
  };
}

/** "1–60 of 3,412" with the way to the others; `turn(from)` and `size(rows)` hear what is wished for. */
export function createPager(turn, size) {
  const newer = h("button", { type: "button", class: "vt-small", on: { click: () => turn(Math.max(0, at.from - at.rows)) } }, "‹ Newer");
  const older = h("button", { type: "button", class: "vt-small", on: { click: () => turn(at.from + at.rows) } }, "Older ›");
  const text = h("span", { class: "vt-list-shown" });
  const sizes = h("select", { class: "vt-list-filter", "aria-label": "Rows of a page", on: { change: () => size(Number(sizes.value)) } },
    ...PAGE_SIZES.map((rows) => h("option", { value: rows }, `${rows} rows`)));
  const node = h("div", { class: "vt-list-pager", role: "group", "aria-label": "Pages" }, text, newer, older, sizes);
  let at = { from: 0, rows: 60 };
  return {
    node,
    paint({ from, shown, matching, total, rows, sorted }) {
      at = { from, rows };
      setText(text, shownText({ from, shown, matching, total }));
      setText(newer, sorted ? "‹ Back" : "‹ Newer");
      setText(older, sorted ? "On ›" : "Older ›");
      newer.disabled = from === 0;
      older.disabled = from + shown >= matching;
      newer.hidden = older.hidden = matching <= rows && from === 0;
      sizes.hidden = matching <= PAGE_SIZES[0];
      if (document.activeElement !== sizes) sizes.value = String(rows);
    },
  };
}

/** "showing 60 of 3,412", with the filter's share where one is on. */
export function shownText({ from, shown, matching, total }) {
  if (!total) return "";
  const filtered = matching < total ? ` that fit, of ${quantity(total)}` : "";
  if (!shown) return matching ? `past the end of ${quantity(matching)}${filtered}` : `none of ${quantity(total)} fit`;
  const which = from ? `${quantity(from + 1)}–${quantity(from + shown)}` : quantity(shown);
  return `showing ${which} of ${quantity(matching)}${filtered}`;
}
