// How is an order that the coach put forward confirmed? On a card: its terms in one line, why, and what it would cost now.
// When the card is shown the desk makes a ticket for whoever sees it; only with that ticket can it be confirmed, and once.

import { h, setAttr, setText } from "../dom.js";

const TICK_MS = 5000;
const STATES = {
  open: { sign: "◇", word: "Proposal" },
  sending: { sign: "…", word: "Being sent" },
  confirmed: { sign: "✓", word: "Confirmed by you" },
  failed: { sign: "✕", word: "Not sent" },
  discarded: { sign: "✕", word: "Discarded" },
  expired: { sign: "⌛", word: "Expired" },
};
const EXPIRED = "It has expired: the market has moved on. Ask again for one of now.";

/** "4 min", "50 s": how long a card can still be confirmed. */
export function timeLeft(seconds) {
  return seconds >= 90 ? `${Math.round(seconds / 60)} min` : `${Math.max(0, Math.ceil(seconds / 5) * 5)} s`;
}

/** What a preview says in one line; empty where the desk has none. */
export function previewLine(reply) {
  if (reply?.kind !== "ok" || !reply.text) return "";
  const rows = (reply.data?.rows ?? []).map(([name, value]) => `${name} ${value}`).join(" · ");
  return reply.data?.refused ? `it would be refused: ${reply.text}` : [reply.text, rows].filter(Boolean).join(" ");
}

/** @param tell reads a sentence out */
export function createCard(ctx, row, tell) {
  const sign = h("span", { class: "vt-card-sign", "aria-hidden": "true" });
  const word = h("span");
  const left = h("span", { class: "vt-sub" });
  const terms = h("p", { class: "vt-card-terms" });
  const why = h("p", { class: "vt-card-why" });
  const cost = h("p", { class: "vt-sub", hidden: true });
  const told = h("p", { class: "vt-card-told", hidden: true });
  const message = h("p", { class: "vt-card-message", role: "alert", hidden: true });
  const yes = h("button", { type: "button", class: "vt-coach-main", "aria-disabled": "true", on: { click: confirm } }, "Confirm and send");
  const no = h("button", { type: "button", class: "vt-small", on: { click: discard } }, "Discard");
  const open = h("button", { type: "button", class: "vt-small", hidden: true, on: { click: () => ctx.emit("story", { id: now.order }) } }, "Show the order");
  const buttons = h("div", { class: "vt-card-buttons" }, yes, no, left);
  const head = h("p", { class: "vt-card-head" }, sign, word);
  const node = h("div", { class: "vt-proposal", role: "group", "data-card": row.id, tabindex: "-1" }, head, terms, why, cost, told, message, buttons, open);
  let now = row;
  let ticket = null; // { text, until }
  let asked = false;
  let busy = false;
  let timer = 0;

  /** The card is in front of a person: get the ticket for it, and what it would cost. */
  async function shown() {
    asked = true;
    const reply = await ctx.ask({ intent: "show_proposal", id: now.id });
    if (reply?.kind === "ok" && reply.data) {
      ticket = { text: reply.data.ticket, until: Date.now() + 1000 * reply.data.left_s };
      if (!timer) timer = setInterval(paintState, TICK_MS);
    } else if (reply) {
      say(reply.text);
    }
    paintState();
    const preview = await ctx.ask({ intent: "preview", ...now.ask });
    const line = previewLine(preview);
    setText(cost, line ? `Now: ${line}` : "");
    paintState();
  }

  function say(text) {
    setText(message, text ?? "");
    message.hidden = !text;
  }

  async function confirm() {
    if (busy || !ticket || now.state !== "open") return;
    busy = true;
    paintState();
    say("");
    const reply = await ctx.ask({ intent: "confirm_proposal", id: now.id, ticket: ticket.text });
    busy = false;
    ticket = null;
    if (reply?.kind === "ok") {
      tell(`Confirmed: ${reply.text}`);
    } else {
      say(reply?.text ?? "No answer came. Look at your orders before you try again: it may have been sent.");
      asked = false; // where the card is still open, it needs another ticket
    }
    paintState();
  }

  async function discard() {
    if (busy || now.state !== "open") return;
    busy = true;
    paintState();
    const reply = await ctx.ask({ intent: "discard_proposal", id: now.id });
    busy = false;
    if (reply?.kind === "ok") tell(reply.text);
    else if (reply) say(reply.text);
    paintState();
  }

  function paintState() {
    const seconds = ticket ? (ticket.until - Date.now()) / 1000 : Infinity;
    const state = now.state === "open" && seconds <= 0 ? "expired" : now.state;
    const shownAs = STATES[state] ?? STATES.open;
    setAttr(node, "data-state", state);
    setText(sign, shownAs.sign);
    setText(word, shownAs.word);
    setText(left, state === "open" && ticket ? `can be confirmed for ${timeLeft(seconds)}` : "");
    const held = buttons.contains(document.activeElement);
    buttons.hidden = state !== "open" && state !== "sending";
    setAttr(yes, "aria-disabled", state !== "open" || busy || !ticket ? "true" : null);
    setAttr(no, "aria-disabled", state !== "open" || busy ? "true" : null);
    const story = state === "expired" && !now.told ? EXPIRED : now.told;
    setText(told, story);
    told.hidden = !story;
    cost.hidden = state !== "open" || !cost.textContent;
    open.hidden = !now.order;
    if (held && buttons.hidden) (open.hidden ? node : open).focus(); // the button with the focus has gone
    if (state !== "open") {
      clearInterval(timer);
      timer = 0;
    }
  }

  function paint(next) {
    now = next;
    setText(terms, next.terms);
    setText(why, next.why);
    setAttr(node, "aria-label", `Proposal: ${next.terms}`);
    setAttr(yes, "aria-label", `Confirm and send: ${next.terms}`);
    setAttr(no, "aria-label", `Discard: ${next.terms}`);
    if (next.state === "open" && !asked) shown();
    paintState();
  }
  return { node, paint, close: () => clearInterval(timer) };
}
