// Which own orders stand on this ladder, and how far from being filled? One line each, with what cancels it.

import { number, quantity } from "../format.js";
import { h, setAttr, setText } from "../dom.js";
import { priceOf } from "./ladder-rows.js";

/** @param act  { cancel(order), show(order) } */
export function createOrders(act) {
  const list = h("ul", { class: "vt-ladder-list" });
  const node = h("div", { class: "vt-ladder-orders", role: "group", "aria-label": "Own orders on this ladder", hidden: true }, list);
  const lines = new Map(); // id -> { node, ... }

  function makeLine(id) {
    const what = h("b");
    const where = h("span", { class: "vt-ladder-where" });
    const show = h("button", { type: "button", class: "vt-quiet vt-ladder-order", on: { click: () => act.show(lines.get(id).order) } }, what, where);
    const cancel = h("button", { type: "button", class: "vt-quiet vt-ladder-cancel", on: { click: () => act.cancel(lines.get(id).order) } }, "×");
    return { node: h("li", { "data-id": id }, show, cancel), what, where, show, cancel };
  }

  return {
    node,
    paint(book, leaving) {
      const orders = [...(book.orders ?? [])].sort((a, b) => b.ticks - a.ticks || a.number - b.number);
      const seen = new Set(orders.map((order) => order.id));
      for (const [id, line] of lines) {
        if (seen.has(id)) continue;
        line.node.remove();
        lines.delete(id);
      }
      orders.forEach((order, index) => {
        const line = lines.get(order.id) ?? makeLine(order.id);
        lines.set(order.id, line);
        line.order = order;
        const price = number(priceOf(book, order.ticks), book.decimals ?? 2);
        const kind = order.kind === "stop" ? " stop" : "";
        const shown = order.shown !== null && order.shown < order.quantity ? `, shows ${quantity(order.shown)}` : "";
        setText(line.what, `${order.side === "buy" ? "Buy" : "Sell"}${kind} ${quantity(order.quantity)} at ${price}`);
        setText(line.where, `${leaving.has(order.id) ? "cancel is on its way" : order.text}${shown}`);
        setAttr(line.node, "data-side", order.side);
        setAttr(line.node, "data-state", leaving.has(order.id) ? "moving" : order.state);
        setAttr(line.show, "title", `${order.why || order.text}. Press to find it on the ladder`);
        setAttr(line.cancel, "aria-label", `Cancel ${order.side}${kind} ${quantity(order.quantity)} at ${price}`);
        setAttr(line.cancel, "title", "Cancel this order");
        line.cancel.disabled = leaving.has(order.id) || !order.intents.includes("cancel");
        if (list.children[index] !== line.node) list.insertBefore(line.node, list.children[index] ?? null);
      });
      node.hidden = orders.length === 0;
    },
  };
}
