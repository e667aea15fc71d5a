// What does the trader ask for? The ticket writes down words and numbers as typed; the desk decides what they mean, and
// says before anything is sent what the order would do. Fields that a type does not need are not there.

import { h, setAttr, setText } from "../dom.js";
import { isNumber, number, orderPrices, quantity } from "../format.js";
import { choice, flagField, numberField, selectField, textField } from "./ticket-fields.js";
import { createPreviewer, createSender, decimalsOf, intentOf, sends, tifsOf, visible } from "./ticket-logic.js";
import { createConfirm, createPreview } from "./ticket-preview.js";

const SHARES = [0.25, 0.5, 0.75, 1];
const REFRESH_MS = 1000; // how often a preview is renewed while the market moves
const WAITING = "Sent, waiting for the answer…";
const LOST = "No answer came. The order may have arrived: sending it again does no harm, it goes under the same name.";

export function createTicket(ctx) {
  let state = {};
  let changing = null; // the row of the order that is being changed
  let symbol = null;
  let seen = null; // data of the newest preview
  let previewed = 0;
  let trailBps = false;
  let settled = false;
  let sections = {}; // "ticket" and "kinds" together

  const ticket = () => sections;
  const tick = () => ticket().price_step ?? 0.01;
  const lot = () => ticket().quantity_step ?? 1;
  const market = () => (side() === "sell" ? state.quote?.bid : state.quote?.ask) ?? state.quote?.last ?? 0;
  const changed = () => { paintForm(); look(); };

  const plan = choice(ctx, { name: "plan", label: "What to send", changed: replan, className: "vt-plans" });
  const sides = choice(ctx, { name: "side", label: "Side", changed, className: "vt-side-choice" });
  const types = choice(ctx, { name: "type", label: "Order type", changed, className: "vt-types" });
  const unit = h("button", { type: "button", class: "vt-quiet vt-unit", on: { click: () => { trailBps = !trailBps; fields.trail.input.value = ""; changed(); } } });
  const price = (name, label) => numberField(ctx, { name, label, step: tick, start: market, changed });
  const fields = {
    quantity: numberField(ctx, { name: "quantity", label: "Quantity", step: lot, changed }),
    limit_price: price("limit_price", "Limit price"),
    stop_price: price("stop_price", "Stop price"),
    trail: numberField(ctx, { name: "trail", label: "Distance", step: () => (trailBps ? 1 : tick()), changed, extra: unit }),
    take_profit: price("take_profit", "Take profit"),
    stop_loss: price("stop_loss", "Stop loss"),
    good_till: textField(ctx, { name: "good_till", label: "Until", changed, placeholder: "15:30" }),
    display: numberField(ctx, { name: "display", label: "Show at a time", step: lot, changed, placeholder: "all" }),
    post_only: flagField(ctx, { name: "post_only", label: "Post only", hint: "Rejected where it would trade at once", changed }),
    reduce_only: flagField(ctx, { name: "reduce_only", label: "Reduce only", hint: "Never makes a position larger, nor turns it round", changed }),
  };
  fields.quantity.input.value = "100";
  const tifs = selectField(ctx, { name: "tif", label: "Lasts", changed });
  const works = selectField(ctx, { name: "works", label: "Change", changed: () => change(replaceable().find((row) => row.id === works.input.value)) });
  const tif = tifs.input;
  const shares = h("div", { class: "vt-chips", role: "group", "aria-label": "Quantity by buying power or position" },
    ...SHARES.map((share) => h("button", { type: "button", class: "vt-chip", "data-share": share, on: { click: () => take(share) } }, `${100 * share}%`)));
  fields.quantity.node.insertBefore(shares, fields.quantity.node.children[2]);
  const more = h("details", { class: "vt-more" }, h("summary", {}, "More"), h("div", { class: "vt-flags" }, fields.post_only.node, fields.reduce_only.node), fields.display.node);
  const banner = h("p", { class: "vt-changing", hidden: true });
  const funds = h("p", { class: "vt-funds" });
  const message = h("p", { class: "vt-message", role: "status", "aria-live": "polite" });
  const asks = h("input", { type: "checkbox", id: ctx.id("asks"), on: { change: () => ctx.prefs.set("ticket_confirm", asks.checked) } });
  const send = h("button", { type: "button", class: "vt-send", "aria-keyshortcuts": "Enter" });
  const leave = h("button", { type: "button", class: "vt-leave", hidden: true, on: { click: () => change(null) } }, "Leave it as it is");
  const foresee = createPreview();
  const confirm = createConfirm({ yes: () => dispatch(), no: () => undefined, opened: (open) => { body.inert = open; } });
  const body = h("div", { class: "vt-ticket-body" },
    h("div", { class: "vt-ticket-head" }, h("h3", {}, "Order ticket"), h("label", { class: "vt-asks", for: asks.id, title: "Show a question before an order is sent" }, asks, h("span", {}, "Ask first"))),
    banner, works.node, plan.node, sides.node, sides.error, types.node, types.error, fields.quantity.node, fields.limit_price.node, fields.stop_price.node, fields.trail.node,
    fields.take_profit.node, fields.stop_loss.node, tifs.node, fields.good_till.node, more, foresee.node, funds, h("div", { class: "vt-acts" }, send, leave));
  const nobody = h("p", { class: "vt-empty", hidden: true }, "You look on here, without an account: there is nothing to send.");
  const node = h("form", { class: "vt-card vt-ticket", "aria-label": "Order ticket", novalidate: true, on: { submit: (event) => event.preventDefault() } }, body, confirm.node, message, nobody);
  const faulty = { ...fields, tif: tifs, side: sides, type: types, symbol: fields.quantity, parent: fields.quantity, oco: fields.quantity, trail_bps: fields.trail };

  const side = () => sides.chosen() ?? "buy";
  const form = () => ({ change: changing?.id ?? null, plan: plan.chosen() ?? "order", side: side(), type: changing ? changing.type : types.chosen() ?? "market", tif: tif.value, symbol: state.symbol, trailBps });
  const values = () => Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.input.type === "checkbox" ? field.input.checked : field.input.value]));
  const asked = () => intentOf(form(), values(), ticket());
  const previewer = createPreviewer({ ask: ctx.ask, shown });
  const sender = createSender({ ask: ctx.ask, name: ctx.viewId });

  // --- the preview -----------------------------------------------------------------------------------------------------

  function look(now = false) {
    if (!state.symbol || !settled) return null;
    foresee.stale();
    previewed = Date.now();
    ctx.emit("quantity", Number(fields.quantity.input.value) || 0);
    return previewer.want(asked(), now);
  }

  function shown(reply) {
    seen = reply?.data ?? null;
    foresee.paint(seen);
    blame(seen?.refused ? seen.field : "", seen?.text);
    for (const name of ["take_profit", "stop_loss"]) fields[name].told(seen?.exits?.find((exit) => exit.field === name)?.text);
  }

  /** Put a refusal beside the field that caused it; `true` where there is such a field in sight. */
  function blame(name, text) {
    const guilty = faulty[name];
    for (const field of new Set(Object.values(faulty))) field.wrong(field === guilty ? text : "");
    if (guilty && more.contains(guilty.input)) more.open = true;
    return Boolean(guilty);
  }

  // --- sending ---------------------------------------------------------------------------------------------------------

  /** A press of the button sends what is seen; Enter looks first where the preview is about something else. */
  async function start(byKey) {
    if (sender.busy || confirm.open) return;
    if (byKey && !previewer.isOf(asked())) {
      say("Look at the preview; Enter again sends.", null);
      await look(true);
      return;
    }
    if (!asks.checked) return void dispatch();
    if (!previewer.isOf(asked())) await look(true);
    confirm.ask(seen?.confirm ?? `${send.textContent}?`);
  }

  async function dispatch() {
    const before = asked();
    const held = document.activeElement;
    const answer = sender.send(sends(form()), before);
    if (!sender.busy) return;
    busy(true);
    say(WAITING, "wait");
    const reply = await answer;
    busy(false);
    if (held instanceof HTMLElement && document.activeElement === document.body) held.focus({ preventScroll: true });
    if (reply === null) {
      say(LOST, "error");
      return;
    }
    const failed = reply.kind === "error";
    if (failed) blame(reply.field ?? "", reply.data?.detail ?? reply.text);
    say(reply.text, reply.data?.sent ? "ok" : reply.kind);
    if (!failed && changing) change(null);
    else if (!failed) look();
  }

  function busy(on) {
    setAttr(send, "aria-busy", on ? "true" : null);
    send.disabled = on;
  }

  function say(text, kind) {
    const sign = { ok: "✓ ", error: "✕ ", wait: "… " }[kind] ?? "";
    setText(message, text ? `${sign}${text}` : "");
    setAttr(message, "data-kind", kind);
    setAttr(message, "title", text || null);
  }

  async function take(share) {
    const reply = await ctx.ask({ ...asked(), intent: "size", share, quantity: null });
    if (!reply) return;
    if (reply.kind === "error") {
      blame(reply.field || "quantity", reply.text);
      return;
    }
    fields.quantity.input.value = reply.data.quantity.toFixed(decimalsOf(lot()));
    say(reply.text, null);
    changed();
  }

  // --- the form --------------------------------------------------------------------------------------------------------

  function replan() {
    if (plan.chosen() === "exits") fields.quantity.input.value = quantity(Math.abs(state.purse?.position ?? 0)).replaceAll(",", "");
    changed();
  }

  function paintForm() {
    const allowed = tifsOf(form().type, ticket());
    tifs.fill(allowed.map((each) => [each, ticket().tif_names?.[each] ?? each]));
    const now = form();
    const shownFields = visible(now, ticket());
    for (const [name, field] of Object.entries(fields)) field.node.hidden = !shownFields.has(name);
    tifs.node.hidden = !shownFields.has("tif");
    sides.node.hidden = !shownFields.has("side");
    types.node.hidden = !shownFields.has("type");
    plan.node.hidden = Boolean(changing);
    more.hidden = !["post_only", "reduce_only", "display"].some((name) => shownFields.has(name));
    shares.hidden = Boolean(changing) || now.plan === "exits";
    works.fill([["", "no order, a new one"], ...replaceable().map((row) => [row.id, `#${row.number} ${row.side} ${quantity(row.quantity)} at ${row.price}`])]);
    works.node.hidden = !ctx.alone || replaceable().length === 0;
    works.input.value = changing?.id ?? "";
    leave.hidden = !changing;
    banner.hidden = !changing;
    tifs.told(`${tif.value}: ${ticket().tif_hints?.[tif.value] ?? ""}`);
    setText(unit, trailBps ? "in bps" : `in ${ticket().currency ?? "money"}`);
    setAttr(unit, "aria-label", trailBps ? "Distance in basis points; press for money" : "Distance in money; press for basis points");
    for (const name of shownFields) {
      const input = fields[name]?.input;
      if ((name === "limit_price" || name === "stop_price") && input.value === "" && document.activeElement !== input && isNumber(state.quote?.last)) input.value = (market() || state.quote.last).toFixed(ticket().decimals ?? 2);
    }
    setAttr(send, "data-side", changing || now.plan === "exits" ? null : now.side);
    const word = now.side === "buy" ? "Buy" : "Sell";
    const many = fields.quantity.input.value.trim() || "…";
    setText(send, changing ? "Save change" : now.plan === "exits" ? "Send both exits" : `${word} ${many} ${state.symbol ?? ""}`);
  }

  /** Working orders of the instrument that may be changed; a neighbour offers them where there is one. */
  const replaceable = () => (state.orders ?? []).filter((row) => row.symbol === state.symbol && row.intents?.includes("replace"));

  /** Load an order into the ticket to change it; `null` goes back to new orders. */
  function change(row) {
    changing = row ?? null;
    if (row) {
      const told = orderPrices(row.price);
      fields.quantity.input.value = String(row.quantity);
      for (const [name, other] of [["limit_price", told.limit], ["stop_price", told.stop]]) {
        const at = isNumber(row[name]) ? row[name] : other;
        fields[name].input.value = isNumber(at) ? at.toFixed(ticket().decimals ?? 2) : "";
      }
      setText(banner, `Changing order ${row.number ? `#${row.number}` : row.id}: ${row.side} ${quantity(row.quantity)} ${row.symbol}. Quantity and prices can change.`);
      fields.quantity.input.focus({ preventScroll: true });
      if (row.symbol !== state.symbol) ctx.ask({ intent: "watch", symbol: row.symbol });
    }
    blame("", "");
    if (state.symbol) changed();
  }

  function clear() {
    if (changing) return change(null);
    for (const { input } of Object.values(fields)) {
      input.checked = false;
      input.value = "";
    }
    say("", null);
    changed();
  }

  send.addEventListener("click", (event) => {
    event.preventDefault();
    if (event.detail < 2) start(event.detail === 0); // a double click is one order; no click at all is a key
  });
  node.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    const typing = event.target instanceof HTMLInputElement && !["radio", "checkbox"].includes(event.target.type);
    const wanted = { b: "buy", s: "sell" }[event.key.toLowerCase()];
    if (wanted && !typing && event.target !== tif && !sides.node.hidden) {
      event.preventDefault();
      sides.choose(wanted);
      changed();
    } else if (event.key === "Enter" && event.target !== send && !(event.target instanceof HTMLButtonElement) && event.target.tagName !== "SUMMARY") {
      event.preventDefault();
      start(true);
    } else if (event.key === "Escape") {
      event.preventDefault();
      clear();
    }
  });

  ctx.on("price", ({ price: at, side: by, quantity: many }) => {
    if (!isNumber(at)) return;
    if (isNumber(many) && many > 0 && !changing) fields.quantity.input.value = String(many);
    if (by && !changing) sides.choose(by);
    if (!changing && types.chosen() === "market") types.choose("limit");
    const shownFields = visible(form(), ticket());
    const name = shownFields.has("limit_price") ? "limit_price" : shownFields.has("stop_price") ? "stop_price" : null;
    if (name) fields[name].input.value = at.toFixed(ticket().decimals ?? 2);
    changed();
  });
  ctx.on("order", (row) => change(row));

  return {
    node,
    needs: ["ticket", "kinds", "purse", "quote", "symbol", "orders"],
    paint(next, names) {
      state = next;
      if (!state.ticket || !state.kinds) return;
      if (names.has("ticket") || names.has("kinds") || !settled) sections = { ...state.kinds, ...state.ticket };
      const mine = state.ticket.account !== false;
      body.hidden = message.hidden = !mine;
      nobody.hidden = mine;
      if (names.has("ticket") || !settled) {
        types.fill((ticket().types ?? []).map((type) => [type, ticket().type_names?.[type] ?? type, ticket().type_hints?.[type]]));
        sides.fill([["buy", "Buy", "b", "vt-buy"], ["sell", "Sell", "s", "vt-sell"]]);
      }
      if (!settled) asks.checked = Boolean(ctx.prefs.get("ticket_confirm", false));
      const held = state.purse?.position ?? 0;
      plan.fill([["order", "Order", "one order"], ["bracket", "Bracket", "an order with its two ways out"], ...(held ? [["exits", "Exits", "two ways out of your position"]] : [])]);
      if (symbol !== state.symbol) {
        symbol = state.symbol;
        if (changing && changing.symbol !== symbol) changing = null;
        if (!changing) for (const name of ["limit_price", "stop_price", "trail", "take_profit", "stop_loss", "display"]) fields[name].input.value = "";
        settled = true;
        paintForm();
        look();
      }
      if (changing && state.orders && !state.orders.some((row) => row.id === changing.id && row.intents?.includes("replace"))) change(null);
      setText(funds, isNumber(state.purse?.buying_power) ? `Buying power ${number(state.purse.buying_power)} ${state.purse.money}${held ? ` · you hold ${quantity(held)}` : ""}` : "");
      if (["purse", "ticket", "kinds", "orders"].some((name) => names.has(name))) paintForm();
      if ((names.has("quote") || names.has("purse")) && Date.now() - previewed > REFRESH_MS && document.visibilityState === "visible") look();
    },
    close() {
      previewer.stop();
    },
  };
}
