// How is an order's price changed on the chart? Each working price has a handle: drag it, or focus it and use the arrows;
// Enter sends, Escape gives up. The line shows what was asked for until the answer comes, and why where it was refused.

import { LineStyle } from "lightweight-charts";

import { columnsOf, snap } from "./chart-math.js";
import { h, setAttr, setText } from "../dom.js";
import { number, quantity } from "../format.js";

const TALL_PX = 22; // height of a handle, with a gap
const WIDE_PX = 150; // width of a column of handles
const NOTE_MS = 10000; // how long a refusal stays beside its line
const SETTLED_MS = 3000; // so long after its answer a change is in the picture
const FAR = 10; // ticks of Page up and of Shift with an arrow
const DRAG_PX = 3; // a pointer that moved less did not drag
const NO_ANSWER = "No answer yet; the line shows what is known.";

export function createLines(overlay, plot, ctx) {
  const rows = new Map(); // key -> row
  let grid = {};

  const shownPrice = (row) => row.draft ?? row.asked ?? row.line.price;

  function make(key, line) {
    const text = h("span", { class: "vt-line-text" });
    const handle = h("button", { type: "button", class: "vt-line-handle", role: "slider", "aria-orientation": "vertical" }, text);
    const note = h("p", { class: "vt-line-note", role: "alert", hidden: true });
    const node = h("div", { class: "vt-line" }, note, handle);
    const row = { key, line, node, handle, text, note, draft: null, asked: null, answer: "", timer: 0, drag: null, mark: null };
    row.mark = plot.candles.createPriceLine({ price: line.price, lineWidth: 1, axisLabelVisible: true, title: "" });
    handle.addEventListener("pointerdown", (event) => grab(row, event));
    handle.addEventListener("pointermove", (event) => drag(row, event));
    handle.addEventListener("pointerup", (event) => drop(row, event));
    handle.addEventListener("pointercancel", () => giveUp(row));
    handle.addEventListener("lostpointercapture", () => row.drag && giveUp(row));
    handle.addEventListener("keydown", (event) => press(row, event));
    handle.addEventListener("blur", () => row.draft !== null && giveUp(row));
    handle.addEventListener("click", (event) => event.preventDefault());
    overlay.append(node);
    rows.set(key, row);
    return row;
  }

  function remove(row) {
    const focused = row.node.contains(document.activeElement);
    clearTimeout(row.timer);
    plot.candles.removePriceLine(row.mark);
    row.node.remove();
    rows.delete(row.key);
    if (row.answer) ctx.say(row.answer, "ok"); // it was moved, and that ended it: filled, or canceled
    else if (row.draft !== null) ctx.say("The order you were moving is not working any more.", "alert");
    if (focused) ctx.refocus();
  }

  function tell(row) {
    const { line } = row;
    const price = shownPrice(row);
    const state = row.draft !== null ? "draft" : row.asked !== null ? "pending" : line.moving ? "pending" : "still";
    const arrow = line.side === "buy" ? "▲" : "▼";
    const told = number(price, grid.decimals ?? 2);
    const size = quantity(line.quantity);
    const end = { draft: " ↵", pending: " …", still: line.movable ? "" : " ▪" }[state];
    setText(row.text, `${arrow} ${line.kind === "stop" ? "stop " : ""}${size} @ ${told}${end}`);
    setAttr(row.node, "data-side", line.side);
    setAttr(row.node, "data-kind", line.kind);
    setAttr(row.node, "data-state", state);
    setAttr(row.handle, "aria-label", line.text);
    setAttr(row.handle, "aria-valuenow", price);
    setAttr(row.handle, "aria-valuetext", { draft: `${told}; Enter sends, Escape gives up`, pending: `${told}, waiting for the answer`, still: told }[state]);
    setAttr(row.handle, "aria-disabled", line.movable ? null : "true");
    setAttr(row.handle, "aria-busy", state === "pending" ? "true" : null);
    setAttr(row.handle, "title", line.movable ? `${line.text}. Drag it, or use the arrow keys and Enter.` : line.text);
    const colour = plot.colours?.[line.side === "buy" ? "up" : "down"];
    row.mark.applyOptions({ price, color: colour, axisLabelColor: colour, axisLabelTextColor: plot.colours?.inverse, lineStyle: state !== "still" ? LineStyle.SparseDotted : line.kind === "stop" ? LineStyle.Dashed : LineStyle.Solid });
  }

  function draft(row, price) {
    if (!(price > 0)) return;
    hush(row);
    row.draft = price;
    tell(row);
    place();
  }

  function giveUp(row) {
    row.drag = null;
    row.draft = null;
    tell(row);
    place();
  }

  /** Nothing changed although the answer was yes: the line tells what is known. */
  function settle(row) {
    row.asked = null;
    tell(row);
    place();
  }

  function hush(row) {
    clearTimeout(row.timer);
    row.note.hidden = true;
    setText(row.note, "");
  }

  function complain(row, why) {
    setText(row.note, `✕ ${why}`);
    row.note.hidden = false;
    clearTimeout(row.timer);
    row.timer = setTimeout(() => hush(row), NOTE_MS);
  }

  async function send(row) {
    const price = row.draft;
    row.draft = null;
    if (price === null || price === row.line.price) return giveUp(row);
    row.asked = price;
    tell(row);
    const reply = await ctx.ask({ intent: "replace", id: row.line.id, [`${row.line.kind}_price`]: price });
    if (!rows.has(row.key)) {
      if (reply) ctx.say(reply.text, reply.kind);
      return undefined;
    }
    if (reply?.kind === "ok") {
      row.answer = reply.text; // the line of the next picture tells where it stands
      if (row.line.price === price) row.asked = null;
      else row.timer = setTimeout(() => settle(row), SETTLED_MS);
    } else {
      row.asked = null;
      complain(row, reply ? reply.text : NO_ANSWER);
    }
    tell(row);
    place();
    return undefined;
  }

  const usable = (row) => row.line.movable && row.asked === null && !row.line.moving;

  function grab(row, event) {
    if (event.button !== 0) return;
    event.stopPropagation();
    if (!usable(row)) return;
    const y = plot.yOf(shownPrice(row));
    row.drag = { from: event.clientY, y: y ?? 0, moved: false };
    row.handle.setPointerCapture(event.pointerId);
  }

  function drag(row, event) {
    if (!row.drag) return;
    const by = event.clientY - row.drag.from;
    if (!row.drag.moved && Math.abs(by) < DRAG_PX) return;
    row.drag.moved = true;
    const price = plot.priceAt(row.drag.y + by);
    if (price !== null) draft(row, snap(price, grid));
  }

  function drop(row) {
    const moved = row.drag?.moved;
    row.drag = null;
    if (moved) send(row);
  }

  function press(row, event) {
    if (event.key === "Escape" && row.draft !== null) {
      event.preventDefault();
      event.stopPropagation();
      return giveUp(row);
    }
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      if (row.draft !== null) send(row);
      return undefined;
    }
    const steps = { ArrowUp: 1, ArrowDown: -1, PageUp: FAR, PageDown: -FAR }[event.key];
    if (!steps) return undefined;
    event.preventDefault();
    event.stopPropagation();
    if (usable(row)) draft(row, snap(shownPrice(row), grid, event.shiftKey && Math.abs(steps) === 1 ? steps * FAR : steps));
    return undefined;
  }

  function place() {
    const { width, height, axis } = plot.size();
    const list = [...rows.values()];
    const heights = list.map((row) => {
      const y = plot.yOf(shownPrice(row));
      const off = y === null ? "" : y < TALL_PX / 2 ? "above" : y > height - TALL_PX / 2 ? "below" : "";
      row.node.hidden = y === null;
      setAttr(row.node, "data-off", off || null);
      return Math.max(TALL_PX / 2, Math.min(height - TALL_PX / 2, y ?? 0));
    });
    const columns = columnsOf(heights, TALL_PX, Math.max(1, Math.floor(width / WIDE_PX)));
    list.forEach((row, i) => {
      row.node.style.transform = `translateY(${Math.round(heights[i] - TALL_PX / 2)}px)`;
      row.node.style.right = `${Math.round(axis + 4 + columns[i] * WIDE_PX)}px`;
      setAttr(row.node, "data-low", heights[i] > height / 2 ? "true" : null);
    });
  }

  return {
    paint(lines, instrument) {
      grid = { tick: instrument?.tick ?? 0.01, decimals: instrument?.decimals ?? 2 };
      const seen = new Set();
      for (const line of lines) {
        const key = `${line.id}/${line.kind}`;
        seen.add(key);
        const row = rows.get(key) ?? make(key, line);
        row.line = line;
        if (row.answer && !line.moving) row.asked = null;
        if (row.asked === null) row.answer = "";
        tell(row);
      }
      for (const row of [...rows.values()]) if (!seen.has(row.key)) remove(row);
      place();
    },
    recolour: () => rows.forEach(tell),
    place,
    close() {
      for (const row of rows.values()) clearTimeout(row.timer);
      rows.clear();
    },
  };
}
