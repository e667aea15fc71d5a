// Which columns have the lists of orders, fills and positions?

import { arrow, isNumber, number, quantity, signed, tone, words } from "../format.js";
import { h, setAttr, setText } from "../dom.js";
import { statusText } from "./story.js";

export const sideText = (side) => (side === "buy" ? "▲ BUY" : "▼ SELL");
const sideTone = (side) => (side === "buy" ? "up" : "down");
const price = (value, row) => number(value, row.decimals ?? 2);
/** An average, which may lie between two ticks. */
const between = (value, row) => {
  const decimals = row.decimals ?? 2;
  const onGrid = isNumber(value) && Math.abs(value - Number(value.toFixed(decimals))) < 1e-9;
  return number(value, onGrid ? decimals : decimals + 2);
};

/** The venue's number of an order; its own name where it never got there. */
export const orderName = (row) => (row.number ? `#${row.number}` : row.id);
export const about = (row) => `order ${orderName(row)}: ${row.side} ${quantity(row.quantity)} ${row.symbol}`;

/** Buttons of a cell; made anew only when others are wanted. buttons: [{ name, label, text, act }] */
export function buttonCell(td, buttons) {
  const key = buttons.map(({ name }) => name).join();
  if (td.vtKey !== key) {
    td.vtKey = key;
    td.replaceChildren(...buttons.map(({ name, text, act }) => h("button", { type: "button", class: `vt-small vt-do-${name}`, on: { click: act } }, text ?? name)));
  }
  buttons.forEach(({ label }, at) => {
    setAttr(td.children[at], "aria-label", label);
    setAttr(td.children[at], "title", label);
  });
}

/** The first cell: the way to the explanation. */
function opener(td, text, label, act) {
  if (!td.vtOpener) {
    td.vtOpener = h("button", { type: "button", class: "vt-textlink vt-open", on: { click: () => act(td.closest("tr").vtRow) } });
    td.replaceChildren(td.vtOpener);
  }
  setText(td.vtOpener, text);
  setAttr(td.vtOpener, "aria-label", label);
  setAttr(td.vtOpener, "title", label);
}

export function orderColumns({ ask, editor, open }) {
  const rowOf = (td) => td.closest("tr").vtRow;
  return [
    { name: "number", head: "Order", sort: true, down: true, kind: "first", fill: (td, row) => opener(td, orderName(row), `Explain ${about(row)}, ${words(row.status)}`, open) },
    { name: "time", head: "Time", sort: true, down: true, kind: "when", cell: (row) => row.time },
    { name: "symbol", head: "Symbol", sort: true, kind: "symbol", cell: (row) => row.symbol, title: (row) => row.symbol },
    { name: "side", head: "Side", sort: true, kind: "side", cell: (row) => sideText(row.side), tone: (row) => sideTone(row.side) },
    { name: "type", head: "Type", sort: true, less: 1, kind: "type", cell: (row) => `${words(row.type)} ${row.tif}`, title: (row) => row.terms || null },
    { name: "price", head: "Price", sort: true, num: true, kind: "price", fill: (td, row) => {
      if (!editor.fill(td, row, ["limit_price", "stop_price"])) setText(td, row.price || "market");
    } },
    { name: "filled", head: "Filled", sort: true, num: true, kind: "filled", fill: (td, row) => {
      if (!editor.fill(td, row, ["quantity"])) setText(td, `${quantity(row.filled)} / ${quantity(row.quantity)}`);
    } },
    { name: "avg_px", head: "Avg px", sort: true, num: true, less: 1, kind: "avg", cell: (row) => between(row.avg_px, row) },
    { name: "status", head: "Status", sort: true, kind: "status", cell: (row) => statusText(row.status), tone: (row) => `status-${row.status}` },
    { name: "why", head: "Why", kind: "grow", less: 2, cell: (row) => row.reason ?? "", title: (row) => row.reason },
    { name: "acts", head: "", kind: "acts", fill: (td, row) => {
      const may = row.intents ?? [];
      if (editor.edits(row.id)) {
        buttonCell(td, [
          { name: "send", label: `Send the change of ${about(row)}`, text: "send", act: () => editor.send() },
          { name: "leave", label: `Leave ${about(row)} as it is`, text: "leave", act: () => editor.stop(true) },
        ]);
        return;
      }
      const buttons = [];
      if (may.includes("replace")) buttons.push({ name: "change", label: `Change ${about(row)}`, act: () => editor.start(rowOf(td)) });
      if (may.includes("cancel")) buttons.push({ name: "cancel", label: `Cancel ${about(row)}`, act: (event) => ask({ intent: "cancel", id: rowOf(td).id }, event.currentTarget) });
      buttonCell(td, buttons);
    } },
  ];
}

export function fillColumns({ open }) {
  return [
    { name: "number", head: "Order", sort: true, down: true, kind: "first", fill: (td, row) => opener(td, orderName(row), `Explain the fill of ${quantity(row.quantity)} ${row.symbol} at ${price(row.price, row)}, order ${orderName(row)}`, open) },
    { name: "time", head: "Time", sort: true, down: true, kind: "when", cell: (row) => row.time },
    { name: "symbol", head: "Symbol", sort: true, kind: "symbol", cell: (row) => row.symbol, title: (row) => row.symbol },
    { name: "side", head: "Side", sort: true, kind: "side", cell: (row) => sideText(row.side), tone: (row) => sideTone(row.side) },
    { name: "quantity", head: "Quantity", sort: true, down: true, num: true, kind: "filled", cell: (row) => quantity(row.quantity) },
    { name: "price", head: "Price", sort: true, down: true, num: true, kind: "price", cell: (row) => price(row.price, row) },
    { name: "value", head: "Value", sort: true, down: true, num: true, less: 1, kind: "value", cell: (row) => number(row.value) },
    { name: "fee", head: "Fee", sort: true, down: true, num: true, less: 1, kind: "fee", cell: (row) => number(row.fee), title: (row) => (row.fee < 0 ? "a rebate" : null) },
    { name: "liquidity", head: "As", sort: true, less: 1, kind: "status", cell: (row) => row.liquidity },
    { name: "cause", head: "Why", kind: "grow", less: 2, cell: (row) => row.cause + (row.leaves ? `, ${quantity(row.leaves)} left` : "") },
  ];
}

export function positionColumns({ ask }) {
  return [
    { name: "symbol", head: "Symbol", sort: true, kind: "first", cell: (row) => row.symbol, title: (row) => row.symbol },
    { name: "side", head: "Position", kind: "side", cell: (row) => (row.quantity > 0 ? "▲ LONG" : row.quantity < 0 ? "▼ SHORT" : "FLAT"), tone: (row) => tone(row.quantity) },
    { name: "quantity", head: "Quantity", sort: true, down: true, num: true, kind: "filled", cell: (row) => quantity(row.quantity) },
    { name: "avg_entry_price", head: "Avg entry", sort: true, down: true, num: true, less: 2, kind: "price", cell: (row) => between(row.avg_entry_price, row) },
    { name: "last", head: "Last", sort: true, down: true, num: true, less: 2, kind: "avg", cell: (row) => price(row.last, row) },
    { name: "market_value", head: "Market value", sort: true, down: true, num: true, kind: "value", cell: (row) => number(row.market_value) },
    { name: "unrealized_pnl", head: "Unrealised P&L", sort: true, down: true, num: true, kind: "status", cell: (row) => `${arrow(row.unrealized_pnl)} ${signed(row.unrealized_pnl)}`, tone: (row) => tone(row.unrealized_pnl) },
    { name: "realized_pnl", head: "Realised P&L", sort: true, down: true, num: true, less: 2, kind: "type", cell: (row) => signed(row.realized_pnl), tone: (row) => tone(row.realized_pnl) },
    { name: "acts", head: "", kind: "acts", fill: (td, row) => buttonCell(td, row.quantity ? [{ name: "close", label: `Close ${row.symbol} at market`, act: (event) => ask({ intent: "close", symbol: td.closest("tr").vtRow.symbol }, event.currentTarget) }] : []) },
  ];
}

/** Rows by a column; a minus in front turns it round. Texts by their letters, numbers by size, what is missing last. */
export function sortRows(rows, sort) {
  if (!sort) return rows;
  const name = sort.replace(/^-/, "");
  const sign = sort.startsWith("-") ? -1 : 1;
  const compare = (a, b) => {
    const [x, y] = [a[name], b[name]];
    if (x === null || y === null) return (x === null) - (y === null);
    return sign * (typeof x === "string" ? x.localeCompare(y) : x - y);
  };
  return [...rows].sort(compare);
}
