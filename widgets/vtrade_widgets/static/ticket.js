// What does the trader ask for? The ticket writes down words and numbers as typed; the desk decides what they mean.

import { isNumber, number, orderPrices, quantity } from "./format.js";
import { h, setAttr, setText, uniqueId } from "./dom.js";

const TYPE_NAMES = { market: "Market", limit: "Limit", stop_market: "Stop", stop_limit: "Stop limit" };
const TIF_HINTS = { DAY: "rests until the close", GTC: "rests until canceled", IOC: "fills now, the rest is canceled", FOK: "fills in full now, or not at all" };
const CHIPS = [10, 100, 500, 1000];

export function createTicket({ ask, viewId }) {
  let state = {};
  let changing = null; // the order that is being changed
  let clicks = 0;
  let symbol = null;

  const field = (name, label, attributes = {}) => {
    const id = uniqueId(name);
    const input = h("input", { id, class: `vt-input vt-${name}`, inputmode: "decimal", autocomplete: "off", spellcheck: "false", ...attributes });
    const less = h("button", { type: "button", class: "vt-nudge", tabindex: "-1", "aria-label": `Less ${label.toLowerCase()}`, on: { click: () => nudge(input, -1) } }, "−");
    const more = h("button", { type: "button", class: "vt-nudge", tabindex: "-1", "aria-label": `More ${label.toLowerCase()}`, on: { click: () => nudge(input, 1) } }, "+");
    const node = h("div", { class: "vt-field" }, h("label", { for: id }, label), h("div", { class: "vt-spin" }, less, input, more));
    input.addEventListener("input", paintEstimate);
    input.addEventListener("keydown", (event) => {
      const by = { ArrowUp: 1, ArrowDown: -1, PageUp: 10, PageDown: -10 }[event.key];
      if (by) {
        event.preventDefault();
        nudge(input, by * (event.shiftKey ? 10 : 1));
      }
    });
    return { node, input, less, more };
  };
  const size = field("quantity", "Quantity");
  const limit = field("limit", "Limit price");
  const stop = field("stop", "Stop price");
  size.input.value = "100";

  const types = h("div", { class: "vt-choice vt-types", role: "radiogroup", "aria-label": "Order type" });
  const tifs = h("div", { class: "vt-choice vt-tifs", role: "radiogroup", "aria-label": "Time in force" });
  const tifHint = h("p", { class: "vt-hint" });
  const chips = h("div", { class: "vt-chips", role: "group", "aria-label": "Quick quantities" });
  const estimate = h("p", { class: "vt-estimate" });
  const buyNote = h("small", {});
  const sellNote = h("small", {});
  const buy = h("button", { type: "button", class: "vt-buy", "aria-keyshortcuts": "Shift+B", on: { click: () => submit("buy") } }, h("span", {}, "Buy"), buyNote);
  const sell = h("button", { type: "button", class: "vt-sell", "aria-keyshortcuts": "Shift+S", on: { click: () => submit("sell") } }, h("span", {}, "Sell"), sellNote);
  const save = h("button", { type: "button", class: "vt-save", on: { click: replace } }, "Save change");
  const leave = h("button", { type: "button", class: "vt-leave", on: { click: () => change(null) } }, "Leave it");
  const banner = h("p", { class: "vt-changing" });
  const message = h("p", { class: "vt-message", role: "status", "aria-live": "polite" });
  const keysHint = h("p", { class: "vt-hint" }, "Keys here: ⇧B buys, ⇧S sells, ↑↓ nudge");
  const trade = h("div", { class: "vt-sides" }, buy, sell);
  const amend = h("div", { class: "vt-sides" }, save, leave);
  const node = h("form", { class: "vt-card vt-ticket", "aria-label": "Order ticket", on: { submit: (event) => event.preventDefault() } },
    h("h3", {}, "Order ticket"), banner, types, size.node, chips, limit.node, stop.node,
    tifs, tifHint, estimate, trade, amend, keysHint, message);

  node.addEventListener("keydown", (event) => {
    if (!event.shiftKey || event.ctrlKey || event.metaKey || event.altKey || event.repeat || changing) return;
    const side = { B: "buy", S: "sell" }[event.key.toUpperCase()];
    if (!side) return;
    event.preventDefault();
    (side === "buy" ? buy : sell).click();
  });

  const chosen = (group) => group.querySelector("input:checked")?.value;
  const type = () => chosen(types) ?? "market";
  const usesLimit = () => type() === "limit" || type() === "stop_limit";
  const usesStop = () => type() === "stop_market" || type() === "stop_limit";
  const decimals = () => state.instrument?.decimals ?? 2;
  const typed = (input) => (input.disabled || !input.value.trim() ? null : input.value.trim());
  const lotDecimals = () => Math.max(0, Math.ceil(-Math.log10(state.instrument?.lot ?? 1)));

  function nudge(input, by) {
    if (input.disabled) return;
    const isSize = input === size.input;
    const unit = isSize ? (state.instrument?.lot ?? 1) * 10 : (state.instrument?.tick ?? 0.01);
    const start = input.value.trim() ? Number(input.value) : isSize ? 0 : (state.quote?.last ?? 0);
    if (!Number.isFinite(start)) return;
    const next = Math.max(unit, (Math.round(start / unit) + by) * unit);
    input.value = next.toFixed(isSize ? lotDecimals() : decimals());
    paintEstimate();
  }

  function paintFields() {
    for (const [part, used] of [[limit, usesLimit()], [stop, usesStop()]]) {
      for (const control of [part.input, part.less, part.more]) control.disabled = !used;
      part.node.classList.toggle("vt-off", !used);
      part.input.placeholder = used ? "" : "not used";
    }
    if (usesLimit() && !limit.input.value && isNumber(state.quote?.last)) limit.input.value = state.quote.last.toFixed(decimals());
    const fixed = changing !== null;
    for (const radio of [...types.querySelectorAll("input"), ...tifs.querySelectorAll("input")]) radio.disabled = fixed;
    setText(tifHint, chosen(tifs) ? `${chosen(tifs)}: ${TIF_HINTS[chosen(tifs)] ?? ""}` : "");
    trade.hidden = keysHint.hidden = fixed;
    amend.hidden = !fixed;
    banner.hidden = !fixed;
    paintEstimate();
  }

  /** Quantity times the price a side would see now; the desk charges what it really fills at. */
  function paintEstimate() {
    const count = Number(typed(size.input));
    const own = usesLimit() ? Number(typed(limit.input)) : usesStop() ? Number(typed(stop.input)) : null;
    const each = (side) => own ?? (side === "buy" ? state.quote?.ask : state.quote?.bid) ?? state.quote?.last;
    const at = (side) => (isNumber(each(side)) && each(side) > 0 ? number(each(side), decimals()) : "–");
    const note = (side, bound) => (at(side) === "–" ? "no price" : `${usesLimit() ? bound : "about"} ${at(side)}`);
    setText(buyNote, note("buy", "at most"));
    setText(sellNote, note("sell", "at least"));
    const worth = (side) => number(count * each(side) * (state.instrument?.multiplier ?? 1));
    const currency = state.instrument?.currency ?? "";
    if (!(count > 0) || at("buy") === "–") setText(estimate, "Estimated cost: –");
    else if (own !== null) setText(estimate, `Estimated cost: ${worth("buy")} ${currency} before fees`);
    else setText(estimate, `Estimated cost: ${worth("buy")} ${currency}; a sale brings ${worth("sell")}, before fees`);
  }

  function busy(on) {
    for (const button of [buy, sell, save]) {
      setAttr(button, "aria-busy", on ? "true" : null);
      button.disabled = on;
    }
  }

  async function send(intent) {
    const held = document.activeElement;
    busy(true);
    const notice = await ask(intent);
    busy(false);
    if (held instanceof HTMLElement && document.activeElement === document.body) held.focus({ preventScroll: true });
    return notice;
  }

  function submit(side) {
    clicks += 1;
    return send({ intent: "submit", symbol: state.symbol, side, type: type(), quantity: typed(size.input), limit_price: typed(limit.input),
      stop_price: typed(stop.input), tif: chosen(tifs) ?? null, client_order_id: `p${viewId.slice(0, 5)}-${clicks}` });
  }

  async function replace() {
    const notice = await send({ intent: "replace", id: changing, quantity: typed(size.input), limit_price: typed(limit.input), stop_price: typed(stop.input) });
    if (notice?.kind === "ok") change(null);
  }

  function setType(wanted) {
    const radio = [...types.querySelectorAll("input")].find((input) => input.value === wanted);
    if (radio) radio.checked = true;
    paintFields();
  }

  /** Load an order into the ticket to change it; `null` goes back to new orders. */
  function change(order) {
    changing = order?.id ?? null;
    if (order) {
      setType(order.type.toLowerCase());
      const prices = orderPrices(order.price);
      size.input.value = String(order.quantity);
      if (usesStop()) stop.input.value = prices.stop?.toFixed(decimals()) ?? "";
      if (usesLimit()) limit.input.value = prices.limit?.toFixed(decimals()) ?? "";
      setText(banner, `Changing order ${order.number || order.id}: ${order.side} ${quantity(order.quantity)} ${order.symbol}`);
      size.input.focus();
    }
    paintFields();
  }

  /** One button of a row for each value that the desk offers; the chosen one stays chosen. */
  function fillChoice(group, values, names) {
    const kept = values.includes(chosen(group)) ? chosen(group) : values[0];
    const name = uniqueId("choice");
    group.replaceChildren(...values.map((value) => h("label", { title: TIF_HINTS[value] }, h("input", { type: "radio", name, value, checked: value === kept, on: { change: paintFields } }), h("span", {}, names[value] ?? value))));
  }

  let typesKey = "";
  return {
    node,
    needs: ["ticket", "instrument", "quote", "symbol", "notices", "orders"],
    change,
    /** Take a price from the ladder. */
    pick(price) {
      if (!changing && type() === "market") setType("limit");
      (type() === "stop_market" ? stop : limit).input.value = price.toFixed(decimals());
      paintFields();
    },
    tell(notice) {
      setText(message, notice ? `${notice.kind === "error" ? "✕" : "✓"} ${notice.text}` : "");
      setAttr(message, "data-kind", notice?.kind);
      setAttr(message, "title", notice?.text);
    },
    paint(next) {
      state = next;
      const key = JSON.stringify([state.ticket, state.instrument?.lot]);
      if (key !== typesKey) {
        typesKey = key;
        fillChoice(types, state.ticket?.types ?? [], TYPE_NAMES);
        fillChoice(tifs, state.ticket?.tifs ?? [], {});
        chips.replaceChildren(...CHIPS.map((count) => {
          const value = count * (state.instrument?.lot ?? 1);
          return h("button", { type: "button", class: "vt-chip", on: { click: () => { size.input.value = String(value); paintEstimate(); } } }, quantity(value));
        }));
        paintFields();
      }
      if (symbol !== state.symbol) {
        symbol = state.symbol;
        limit.input.value = stop.input.value = ""; // a price of another instrument means nothing here
        change(null);
      }
      if (changing !== null && !(state.orders ?? []).some((order) => order.id === changing && order.intents?.includes("replace"))) change(null);
      paintEstimate();
    },
  };
}
