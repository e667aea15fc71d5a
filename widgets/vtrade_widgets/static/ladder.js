// What is for sale, and at which price? Ten levels each side; a press takes the price into the ticket.
// Asks stand above with their bars to the right, bids below with theirs to the left, so the side reads without colour.

import { number, quantity } from "./format.js";
import { h, setAttr, setText } from "./dom.js";

const LEVELS = 10;

export function createLadder({ pick }) {
  const makeRow = (side) => {
    const bar = h("span", { class: "vt-bar" });
    const size = h("span", { class: "vt-size" });
    const price = h("span", { class: "vt-level-price" });
    const own = h("span", { class: "vt-own" });
    const button = h("button", { type: "button", class: `vt-rung vt-${side}`, tabindex: "-1", on: { click: () => row.price !== null && pick(row.price) } }, bar, own, price, size);
    const row = { side, button, bar, size, price: null, priceNode: price, own };
    return row;
  };
  const asks = Array.from({ length: LEVELS }, () => makeRow("ask")).reverse(); // asks[0] is the best
  const bids = Array.from({ length: LEVELS }, () => makeRow("bid"));
  const gapText = h("span");
  const midText = h("b");
  const bpsText = h("span");
  const spread = h("div", { class: "vt-spread" }, gapText, midText, bpsText);
  const nothing = h("p", { class: "vt-empty vt-over" }, "No depth: this tape shows no orders behind the price. Orders can still be sent.");
  const rungs = [...asks.slice().reverse().map((row) => row.button), ...bids.map((row) => row.button)];
  const list = h("div", { class: "vt-rungs", role: "group", "aria-label": "Price levels; a press takes the price into the ticket" },
    ...asks.slice().reverse().map((row) => row.button), spread, ...bids.map((row) => row.button));
  const head = h("div", { class: "vt-ladder-head", "aria-hidden": "true" }, h("span", {}, "Bid size"), h("span", {}, "Price"), h("span", {}, "Ask size"));
  const node = h("section", { class: "vt-card vt-ladder", "aria-label": "Depth" }, head, list, nothing);
  let focused = rungs[LEVELS];
  focused.tabIndex = 0;

  list.addEventListener("keydown", (event) => {
    const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    const usable = rungs.filter((rung) => !rung.disabled);
    const at = usable.indexOf(document.activeElement);
    if (!by || at < 0) return;
    event.preventDefault();
    const to = usable[Math.max(0, Math.min(usable.length - 1, at + by))];
    focused.tabIndex = -1;
    focused = to;
    focused.tabIndex = 0;
    focused.focus();
  });

  function paintSide(rows, levels, most, decimals) {
    rows.forEach((row, index) => {
      const level = levels[index];
      const [price, size, own] = level ?? [null, 0, 0];
      row.price = price;
      setText(row.priceNode, level ? number(price, decimals) : "");
      setText(row.size, level ? quantity(size) : "");
      setText(row.own, own ? `◆ you ${quantity(own)}` : "");
      row.bar.style.transform = `scaleX(${level && most ? size / most : 0})`;
      setAttr(row.button, "disabled", !level);
      setAttr(row.button, "data-own", own ? String(own) : null);
      setAttr(row.button, "aria-label", level ? `${row.side} ${number(price, decimals)}, size ${quantity(size)}${own ? `, of yours ${quantity(own)}` : ""}` : null);
    });
  }

  const deep = new Set(); // symbols that showed depth at some time
  return {
    node,
    needs: ["depth", "quote", "instrument", "symbol", "bars"],
    paint({ depth, quote, instrument, symbol, bars }) {
      const bidLevels = (depth?.bids ?? []).slice(0, LEVELS);
      const askLevels = (depth?.asks ?? []).slice(0, LEVELS);
      const decimals = instrument?.decimals ?? 2;
      const most = Math.max(0, ...bidLevels.map((level) => level[1]), ...askLevels.map((level) => level[1]));
      paintSide(bids, bidLevels, most, decimals);
      paintSide(asks, askLevels, most, decimals);
      const empty = !bidLevels.length && !askLevels.length;
      if (!empty) deep.add(symbol);
      node.hidden = empty && !deep.has(symbol) && (bars?.c?.length ?? 0) > 0; // a tape of bars: the chart takes the room
      nothing.hidden = !empty;
      list.hidden = empty;
      head.hidden = empty;
      if (bidLevels.length && askLevels.length) {
        const mid = (bidLevels[0][0] + askLevels[0][0]) / 2;
        const gap = quote?.spread ?? askLevels[0][0] - bidLevels[0][0];
        setText(gapText, `spread ${number(gap, decimals)}`);
        setText(midText, number(mid, decimals + 1));
        setText(bpsText, `${number((10000 * gap) / mid, 1)} bps`);
        setAttr(spread, "title", "Spread between best ask and best bid, the middle of both, and the spread in basis points of it");
      } else {
        setText(gapText, "");
        setText(midText, bidLevels.length ? "no asks" : "no bids");
        setText(bpsText, "");
      }
    },
  };
}
