// What would be sent? The order stands here in words before it goes; Enter sends it, Escape leaves it.

import { h, setAttr, setText } from "../dom.js";

export function createAsk(ctx, changed) {
  const words = h("p", { class: "vt-ask-words" });
  const hint = h("p", { class: "vt-ask-hint" });
  const send = h("button", { type: "button", class: "vt-ask-send", on: { click: () => settle("send") } });
  const ticket = h("button", { type: "button", class: "vt-small vt-ask-ticket", hidden: ctx.alone, on: { click: () => settle("ticket") } }, "To the ticket");
  const leave = h("button", { type: "button", class: "vt-small vt-ask-leave", on: { click: () => settle("leave") } }, "Leave it");
  const node = h("div", { class: "vt-ask", role: "group", "aria-label": "The order before it is sent", hidden: true }, words, hint, h("div", { class: "vt-ask-acts" }, send, ticket, leave));
  let asked = null; // { go, ticket, back }

  function settle(how) {
    if (!asked) return;
    const { go, ticket: take, back } = asked;
    asked = null;
    changed();
    const focused = node.contains(document.activeElement);
    node.hidden = true;
    if (focused) back?.focus({ preventScroll: true });
    if (how === "send") go();
    else if (how === "ticket") take?.();
  }

  node.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    settle("leave");
  });

  return {
    node,
    open: () => asked !== null,
    /** The rung that is asked about: "buy 100". */
    rung: () => asked?.rung ?? null,
    close: () => settle("leave"),
    /** Show an order: { text, hint, verb, side, rung, go(), ticket() }. */
    show(question) {
      asked = { ...question, back: document.activeElement };
      setText(words, question.text);
      setText(hint, question.hint ?? "");
      setText(send, question.verb);
      setAttr(send, "data-side", question.side);
      ticket.hidden = ctx.alone || !question.ticket;
      node.hidden = false;
      changed();
      send.focus({ preventScroll: true });
    },
  };
}
