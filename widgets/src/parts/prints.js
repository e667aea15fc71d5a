// What traded last? Newest first, with own fills among the prints. The list stands still while somebody looks at it
// closely, and says how many came meanwhile.

import { DAY_S, number, quantity } from "../format.js";
import { h, setAttr, setText } from "../dom.js";

const ROWS_MAX = 60;
const SIDES = { 1: ["▲", "buy", "up"], 0: ["·", "", null], "-1": ["▼", "sell", "down"] };

/** "10:31:05.123" of seconds of the tape's clock. */
export function clockOf(seconds) {
  const ms = Math.round((((seconds % DAY_S) + DAY_S) % DAY_S) * 1000);
  const pad = (value, digits = 2) => String(value).padStart(digits, "0");
  return `${pad(Math.floor(ms / 3600000) % 24)}:${pad(Math.floor(ms / 60000) % 60)}:${pad(Math.floor(ms / 1000) % 60)}.${pad(ms % 1000, 3)}`;
}

/** The rows of the section `prints`, newest first. */
export function rowsOf(told) {
  const rows = [];
  for (let i = (told?.n?.length ?? 0) - 1; i >= 0 && rows.length < ROWS_MAX; i -= 1) {
    rows.push({ key: `${told.symbol} ${told.n[i]}`, t: told.t[i], px: told.px[i], qty: told.qty[i], side: told.side[i], own: Boolean(told.own[i]) });
  }
  return rows;
}

/** How many rows came since the one with a key was the newest. */
export function newer(rows, key) {
  const at = rows.findIndex((row) => row.key === key);
  return at < 0 ? rows.length : at;
}

export function createPrints(ctx) {
  let state = {};
  let top = null; // key of the newest row on the page
  let shown = ""; // what the rows on the page are of: a symbol and a least size
  let timer = 0;
  const lines = new Map();
  const body = h("div", { class: "vt-prints-rows", role: "rowgroup" });
  const head = h("div", { role: "rowgroup" }, h("div", { class: "vt-print vt-prints-head", role: "row" },
    ...["Time", "Price", "Size", "Side"].map((text) => h("span", { role: "columnheader" }, text))));
  const table = h("div", { class: "vt-prints-table", role: "table", "aria-label": "Time and sales, newest first", tabindex: "0" }, head, body);
  const nothing = h("p", { class: "vt-empty", hidden: true });
  const hint = h("button", { type: "button", class: "vt-small vt-prints-newer", hidden: true, on: { click: release } });
  const least = h("input", { class: "vt-prints-least", id: ctx.id("least"), type: "text", inputmode: "decimal", autocomplete: "off", placeholder: "any", "aria-label": "Least size of a print that is shown", on: { input: () => { clearTimeout(timer); timer = setTimeout(filter, 400); }, change: filter } });
  const wrong = h("p", { class: "vt-error vt-prints-wrong", role: "alert", hidden: true });
  const note = h("p", { class: "vt-ladder-note", hidden: true });
  const node = h("section", { class: "vt-card vt-prints", "aria-label": "Time and sales" },
    h("div", { class: "vt-prints-top" }, h("b", {}, "Time & sales"), hint, h("label", { class: "vt-prints-from" }, h("span", {}, "from"), least)), wrong, note, table, nothing);

  let sent = 0;
  async function filter() {
    clearTimeout(timer);
    const text = least.value.trim().replaceAll(",", "");
    const value = text === "" ? 0 : Number(text);
    if (!(value >= 0) || !Number.isFinite(value)) return complain(`${JSON.stringify(least.value)} is no size; write a number such as 100`);
    complain("");
    if (value === sent) return undefined;
    sent = value;
    const reply = await ctx.look({ least_print: value });
    if (reply?.kind === "error") complain(reply.text);
    return undefined;
  }

  function complain(text) {
    setText(wrong, text);
    wrong.hidden = !text;
    setAttr(least, "aria-invalid", text ? "true" : null);
  }

  let hover = false;
  let free = false; // for one picture, though the pointer is here
  const held = () => !free && (hover || document.activeElement === table);
  node.addEventListener("pointerenter", () => (hover = true));
  node.addEventListener("pointerleave", () => { hover = false; draw(); });
  table.addEventListener("blur", () => draw());

  function release() {
    free = true;
    draw();
    free = false;
    table.scrollTop = 0;
  }

  function makeLine() {
    const cells = ["time", "px", "qty", "side"].map((name) => h("span", { role: "cell", class: `vt-print-${name}` }));
    cells[0].append(h("span"), h("span", { class: "vt-print-ms" }));
    return { node: h("div", { class: "vt-print", role: "row" }, ...cells), cells };
  }

  function fill(line, row, decimals) {
    const [sign, word, tone] = SIDES[row.side] ?? SIDES[0];
    const clock = clockOf(row.t);
    setText(line.cells[0].firstChild, clock.slice(0, 8));
    setText(line.cells[0].lastChild, clock.slice(8));
    setText(line.cells[1], number(row.px, decimals));
    setText(line.cells[2], row.qty === null ? "–" : quantity(row.qty));
    setText(line.cells[3], row.own ? `${sign} you` : word ? `${sign} ${word}` : "·");
    setAttr(line.cells[3], "title", row.own ? `Your own fill: you ${row.side > 0 ? "bought" : "sold"}` : word ? `A ${word}er began` : "Who began is not known");
    setAttr(line.node, "data-tone", tone);
    setAttr(line.node, "data-own", row.own ? "true" : null);
  }

  function draw() {
    const told = state.prints;
    if (!told) return;
    const rows = rowsOf(told);
    const came = top === null ? 0 : newer(rows, top);
    const same = shown === `${told.symbol} ${told.least}` && lines.size > 0;
    if (held() && same && rows.length) {
      hint.hidden = came === 0;
      setText(hint, came >= rows.length ? `${rows.length}+ newer` : `${came} newer`);
      setAttr(hint, "title", "The list stands still while you look at it; press to go on");
      return;
    }
    hint.hidden = true;
    top = rows[0]?.key ?? null;
    shown = `${told.symbol} ${told.least}`;
    const wanted = new Set(rows.map((row) => row.key));
    const spare = [];
    for (const [key, line] of lines) {
      if (wanted.has(key)) continue;
      lines.delete(key);
      spare.push(line);
    }
    rows.forEach((row, index) => {
      let line = lines.get(row.key);
      if (!line) {
        line = spare.pop() ?? makeLine();
        lines.set(row.key, line);
      }
      fill(line, row, told.decimals ?? 2);
      if (body.children[index] !== line.node) body.insertBefore(line.node, body.children[index] ?? null);
    });
    for (const line of spare) line.node.remove();
    const empty = rows.length === 0;
    table.hidden = empty;
    nothing.hidden = !empty;
    setText(nothing, told.note || (told.least ? `No print of ${quantity(told.least)} or more among the newest.` : "Nothing has traded yet."));
    setText(note, told.note ?? "");
    note.hidden = empty || !told.note;
  }

  return {
    node,
    needs: ["prints"],
    paint(next) {
      state = next;
      draw();
    },
  };
}
