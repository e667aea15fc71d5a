// What waits at each price, and where do own orders stand? A press on the left column buys there, on the right one sells.
// The order is shown before it goes, unless one-click is switched on; what would trade at once is always shown first.

import { number, quantity, signed } from "../format.js";
import { h, icon, setAttr, setText } from "../dom.js";
import { createAsk } from "./ladder-ask.js";
import { createOrders } from "./ladder-orders.js";
import { HALF, crosses, isSparse, middle, priceOf, sparseRows, tightRows } from "./ladder-rows.js";
import { createRungs } from "./ladder-rungs.js";
import { createPrints } from "./prints.js";

const PAGE = 40; // rungs that come when one gets near the end
const OFF = 0.25; // how far from the middle of the box the market may go before the ladder follows
const OPENED_MAX = 40; // rungs of a stretch of empty prices that is opened
const MODES = { ask: "Ask first", click: "One click", ticket: "To the ticket" };

export function createLadder(ctx) {
  let book = {};
  let symbol = null;
  let centre = null; // tick in the middle of a ladder of every tick; null on one with gaps
  let opened = []; // rows of gaps that were opened
  let wide = 0; // letters of a price
  let chosen = null; // quantity that was chosen here or in the ticket
  const pending = new Map(); // rung -> quantity on its way
  const leaving = new Set(); // orders whose cancel is on its way

  const size = () => chosen ?? book.quantity ?? null;
  const priceText = (ticks) => number(priceOf(book, ticks), book.decimals ?? 2);

  // --- the top ----------------------------------------------------------------------------------------------------------
  const spread = h("span", { class: "vt-ladder-spread" });
  const mid = h("b", { class: "vt-ladder-mid" });
  const needle = h("span", { class: "vt-balance-bids" });
  const balanceText = h("b");
  const balanceMore = h("span", { class: "vt-balance-more" });
  const balance = h("div", { class: "vt-balance" }, h("span", { class: "vt-balance-bar", "aria-hidden": "true" }, needle), h("span", { class: "vt-balance-text" }, balanceText, balanceMore));
  const lots = h("input", { class: "vt-ladder-lots", id: ctx.id("lots"), type: "text", inputmode: "decimal", autocomplete: "off", "aria-label": "Quantity of an order that is placed here", on: { change: typed } });
  const lotsText = h("span", { class: "vt-ladder-size", title: "Taken from the ticket" });
  const mode = h("select", { class: "vt-ladder-mode", "aria-label": "What a press on the ladder does", on: { change: () => ctx.prefs.set("ladder.press", mode.value) } },
    ...Object.entries(MODES).filter(([name]) => name !== "ticket" || !ctx.alone).map(([value, text]) => h("option", { value }, text)));
  const back = h("button", { type: "button", class: "vt-small vt-ladder-back", title: "Bring the market back into the middle (key c)", "aria-label": "Centre the ladder on the market", on: { click: () => recentre() } }, icon("centre"), h("span", { class: "vt-wide-only" }, "Centre"));
  const tools = h("div", { class: "vt-ladder-tools" }, ctx.alone ? h("label", { class: "vt-ladder-qty" }, h("span", {}, "Qty"), lots) : lotsText, mode, back);
  const head = h("div", { class: "vt-ladder-head", "aria-hidden": "true" }, h("span", {}), h("span", {}, "Buy"), h("span", {}, "Price"), h("span", {}, "Sell"), h("span", {}));

  // --- the middle ---------------------------------------------------------------------------------------------------------
  const ask = createAsk(ctx, () => paintAll());
  const rungs = createRungs({ place, move, cancel: (chip) => chip.orders.forEach(cancel), open: openGap, page, recentre, words: () => quantity(size()) });
  const orders = createOrders({ cancel, show: (order) => { reveal(order.ticks); rungs.focusOn(order.ticks); } });
  const note = h("p", { class: "vt-ladder-note", hidden: true });
  const nothing = h("p", { class: "vt-empty", hidden: true });
  const said = h("p", { class: "vt-ladder-said", role: "status" });
  const prints = createPrints(ctx);
  const main = h("section", { class: "vt-card vt-ladder-main", "aria-label": "Price ladder" },
    h("div", { class: "vt-ladder-top" }, spread, mid, balance), tools, note, head, rungs.node, nothing, h("div", { class: "vt-ladder-foot" }, orders.node, ask.node, said));
  const node = h("div", { class: "vt-ladder" }, main, prints.node);
  const unwatch = rungs.watch(() => requestAnimationFrame(follow));

  ctx.on("quantity", (value) => {
    chosen = Number.isFinite(Number(value)) && Number(value) > 0 ? Number(value) : null;
    paintSize();
  });

  function typed() {
    const value = Number(lots.value.replaceAll(",", ""));
    if (value > 0 && Number.isFinite(value)) {
      chosen = value;
      tell("");
    } else {
      tell(`A quantity is a number above 0, not ${JSON.stringify(lots.value)}`, "error");
    }
    setAttr(lots, "aria-invalid", value > 0 ? null : "true");
    paintSize();
  }

  function tell(text, kind = "ok") {
    setText(said, text);
    setAttr(said, "data-kind", text ? kind : null);
  }

  // --- what a press does ----------------------------------------------------------------------------------------------------

  function place(side, ticks) {
    const amount = size();
    const price = priceOf(book, ticks);
    const verb = side === "buy" ? "Buy" : "Sell";
    const toTicket = () => ctx.emit("price", { price, side, quantity: amount });
    if (mode.value === "ticket" && !ctx.alone) {
      toTicket();
      tell(`${priceText(ticks)} is in the ticket`);
      return;
    }
    const text = `${verb} ${quantity(amount)} ${symbol} at ${priceText(ticks)}`;
    const go = () => send({ side, ticks, amount, text });
    const takes = crosses(book, side, ticks);
    if (mode.value === "click" && !takes) go();
    else ask.show({ text, hint: takes ? "This price is on the other side: it would trade at once, at this price or better." : "A limit order, good for the day.", verb, side, rung: `${side} ${ticks}`, go, ticket: toTicket });
  }

  async function send({ side, ticks, amount, text }) {
    const key = `${side} ${ticks}`;
    await during(pending, key, amount, async () => {
      const reply = await ctx.ask({ intent: "submit", symbol: book.symbol, side, type: "limit", quantity: amount, limit_price: priceOf(book, ticks), tif: "DAY" });
      answer(reply, `${text}: `);
    });
  }

  async function move(chip, ticks) {
    const [first] = chip.orders;
    const field = first.kind === "stop" ? "stop_price" : "limit_price";
    const go = () => during(pending, `${chip.side} ${ticks}`, chip.quantity, async () => {
      for (const order of chip.orders) {
        const reply = await ctx.ask({ intent: "replace", id: order.id, [field]: priceOf(book, ticks) });
        answer(reply, `Move to ${priceText(ticks)}: `);
        if (reply?.kind === "error") break;
      }
    });
    if (first.kind === "limit" && crosses(book, chip.side, ticks)) {
      const text = `Move your ${chip.side} ${quantity(chip.quantity)} from ${priceText(chip.ticks)} to ${priceText(ticks)}`;
      ask.show({ text, hint: "This price is on the other side: it would trade at once, at this price or better.", verb: "Move", side: chip.side, rung: `${chip.side} ${ticks}`, go });
    } else {
      await go();
    }
  }

  async function cancel(order) {
    if (leaving.has(order.id) || !order.intents.includes("cancel")) return;
    leaving.add(order.id);
    paintAll();
    const reply = await ctx.ask({ intent: "cancel", id: order.id });
    leaving.delete(order.id);
    answer(reply, "");
    paintAll();
  }

  /** Show something on a rung while it is on its way. */
  async function during(map, key, amount, work) {
    map.set(key, (map.get(key) ?? 0) + amount);
    paintAll();
    try {
      await work();
    } finally {
      const left = map.get(key) - amount;
      if (left > 0) map.set(key, left);
      else map.delete(key);
      paintAll();
    }
  }

  function answer(reply, before) {
    if (!reply) tell(`${before}no answer came; see your orders before you try again`, "error");
    else tell(reply.kind === "error" ? `${before}${reply.text}` : reply.text, reply.kind);
  }

  // --- which prices are shown -----------------------------------------------------------------------------------------------

  function openGap({ above, below }) {
    const rows = [];
    for (let ticks = above; ticks >= below && rows.length < OPENED_MAX; ticks -= 1) rows.push(ticks);
    opened = [...opened, ...rows].slice(-4 * OPENED_MAX);
    lay();
  }

  /** Near an end of a ladder of every tick more of it comes. */
  function page(by) {
    if (centre === null) return;
    const wanted = Math.max(HALF + 1, centre + by * PAGE);
    if (wanted === centre) return;
    centre = wanted;
    rungs.lay(tightRows(centre));
  }

  function lay() {
    if (centre === null) rungs.lay(sparseRows({ ...book, orders: [...(book.orders ?? []), ...opened.map((ticks) => ({ ticks }))] }));
    else rungs.lay(tightRows(centre));
  }

  function recentre() {
    const now = middle(book);
    if (now === null) return;
    opened = [];
    centre = isSparse(book) ? null : Math.max(HALF + 1, now);
    lay();
    rungs.centre(now);
    paintBack();
  }

  function reveal(ticks) {
    if (rungs.place(ticks) !== null && rungs.rows.some((row) => row.ticks === ticks)) return rungs.centre(ticks);
    if (centre !== null) centre = Math.max(HALF + 1, ticks);
    lay();
    return rungs.centre(ticks);
  }

  /** Keep the market in the middle while nobody is at the ladder. */
  function follow() {
    const now = middle(book);
    if (now === null || rungs.held() || ask.open()) return paintBack();
    const where = rungs.place(now);
    if (centre === null && isSparse(book)) lay();
    if (where === null || Math.abs(where - 0.5) > OFF || (centre === null) !== isSparse(book)) recentre();
    return paintBack();
  }

  function paintBack() {
    const where = middle(book) === null ? 0.5 : rungs.place(middle(book));
    setAttr(back, "data-away", where === null || where < 0 || where > 1 ? "true" : null);
  }

  // --- painting ---------------------------------------------------------------------------------------------------------------

  function paintSize() {
    const text = quantity(size());
    if (ctx.alone && document.activeElement !== lots && lots.value !== text) lots.value = text;
    setText(lotsText, `${text} a press`);
    rungs.paint(book, pending, ask.rung());
  }

  function paintAll() {
    rungs.paint(book, pending, ask.rung());
    orders.paint(book, leaving);
  }

  function paintTop() {
    const gap = book.spread;
    setText(spread, gap ? `${quantity(gap.ticks)} ${gap.ticks === 1 ? "tick" : "ticks"} · ${number(gap.bps, gap.bps < 10 ? 2 : 1)} bps` : "no spread");
    setAttr(spread, "title", gap ? `Spread: ${number(gap.price, book.decimals)} between the best bid and the best ask` : null);
    setText(mid, book.mid === null || book.mid === undefined ? "–" : number(book.mid, (book.decimals ?? 2) + 1));
    setAttr(mid, "title", "Middle of the best bid and the best ask");
    const told = book.balance;
    balance.hidden = !told;
    if (told) {
      needle.style.transform = `scaleX(${(1 + told.share) / 2})`;
      setText(balanceText, signed(100 * told.share, 0) + " %");
      setText(balanceMore, ` · ${told.text}`);
      setAttr(balance, "title", `Imbalance of the book: ${told.about}`);
    }
  }

  return {
    node,
    needs: ["ladder", "ladder_orders", ...prints.needs],
    close: () => unwatch(),
    paint(state, changed) {
      if (changed.has("prints") || !changed.size) prints.paint(state, changed);
      if (!state.ladder) return;
      const other = state.ladder.symbol !== symbol;
      book = { ...state.ladder, orders: state.ladder_orders ?? [] };
      symbol = book.symbol;
      if (other) {
        ask.close();
        tell("");
        opened = [];
      }
      const wanted = ctx.prefs.get("ladder.press", "ask");
      if (document.activeElement !== mode && mode.value !== wanted && MODES[wanted] && (wanted !== "ticket" || !ctx.alone)) mode.value = wanted;
      paintTop();
      const none = middle(book) === null;
      setText(note, book.note ?? "");
      note.hidden = !book.note || none;
      setText(nothing, book.note || "No price yet: nobody has shown one.");
      nothing.hidden = !none;
      for (const each of [rungs.node, head]) each.hidden = none;
      node.hidden = Boolean(book.bars) && !ctx.alone; // no depth to show: the chart takes the room
      const letters = priceText(Math.max(book.ask ?? 0, book.last ?? 0, book.bids?.[0]?.[0] ?? 0)).length;
      if (letters !== wide) main.style.setProperty("--vt-price", `${Math.max(58, Math.ceil(7.6 * letters + 13))}px`);
      wide = letters;
      paintSize();
      paintAll();
      if (other) recentre();
      else follow();
    },
  };
}
