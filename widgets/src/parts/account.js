// How does the account stand? Its value, what it earned, what ties it up, what is riding on what, and how it got here.

import { arrow, number, plural, signed, tone } from "../format.js";
import { h, keyedTable, setAttr, setText } from "../dom.js";
import { createEquity } from "./account-equity.js";
import { createExposure } from "./account-exposure.js";
import { createMargin } from "./account-margin.js";

const FACTS = [
  ["realized_pnl", "Realised", "sign"], ["unrealized_pnl", "Unrealised", "sign"], ["fees", "Fees", "cost"], ["cash", "Cash"],
  ["reserved", "Reserved for orders"], ["buying_power", "Buying power"], ["market_value", "In positions"], ["deposits", "Paid in"],
];
const FLOWS = [["dividends", "Dividends", "sign"], ["borrow_fees", "Borrow fees", "cost"], ["interest", "Interest", "cost"], ["fines", "Fines", "cost"], ["other", "Other cash", "sign"], ["currency_pnl", "Currencies", "sign"]];
const WITHOUT = "You look on without an account: there is no money of yours in this room. Orders, prices and standings are live all the same.";
const shown = (value, kind) => (kind === "sign" ? signed(value) : kind === "cost" && value ? signed(-value) : number(value));

function factList(facts, names) {
  const node = h("dl", { class: "vt-money-facts" });
  const cells = names.map(([name, word, kind]) => {
    const value = h("dd");
    const row = h("div", {}, h("dt", {}, word), value);
    node.append(row);
    return { name, kind, value, row };
  });
  return {
    node,
    paint(told, hideZero = false) {
      for (const { name, kind, value, row } of cells) {
        setText(value, shown(told[name], kind));
        if (kind === "sign") setAttr(value, "data-tone", tone(told[name]));
        row.hidden = hideZero && !told[name];
      }
      node.hidden = cells.every(({ row }) => row.hidden);
    },
  };
}

export function createAccount(ctx) {
  const nav = h("strong", { class: "vt-money-value" });
  const currency = h("span", { class: "vt-sub" });
  const [day, dayNote, total, totalNote] = ["b", "span", "b", "span"].map((tag) => h(tag));
  const head = h("header", { class: "vt-card vt-money", "aria-label": "Value" },
    h("div", { class: "vt-money-nav" }, h("span", { class: "vt-sub" }, "Net asset value"), h("div", {}, nav, " ", currency)),
    h("div", { class: "vt-money-pnl" }, h("span", { class: "vt-sub" }, "Today"), day, h("span", { class: "vt-sub" }, dayNote)),
    h("div", { class: "vt-money-pnl" }, h("span", { class: "vt-sub" }, "In all"), total, h("span", { class: "vt-sub" }, totalNote)));
  const facts = factList("facts", FACTS);
  const flows = factList("flows", FLOWS);
  const balances = keyedTable({
    label: "Money by currency", key: "currency", empty: "No money.",
    columns: [
      { head: "Currency", cell: (row) => row.currency },
      { head: "Amount", num: true, cell: (row) => number(row.cash) },
      { head: "Rate", num: true, cell: (row) => number(row.rate, 4) },
      { head: "Worth", num: true, cell: (row) => number(row.value) },
    ],
  });
  const trading = h("p", { class: "vt-sub vt-money-trading" });
  const money = h("section", { class: "vt-card vt-funds", "aria-label": "Money" }, facts.node, flows.node, balances.node, trading);
  const margin = createMargin();
  const exposure = createExposure(ctx);
  const equity = createEquity(ctx);
  const nothing = h("p", { class: "vt-card vt-empty", hidden: true }, WITHOUT);
  const body = h("div", { class: "vt-account-body" }, head, money, margin.node, equity.node, exposure.node);
  const node = h("div", { class: "vt-account-part" }, nothing, body);

  function paintHead(account) {
    setText(nav, number(account.nav));
    setText(currency, account.currency);
    const pairs = [[day, dayNote, account.day_pnl, account.day_pct, account.day_since], [total, totalNote, account.pnl, account.pnl_pct, "since money was paid in"]];
    for (const [value, note, amount, percent, since] of pairs) {
      setText(value, `${arrow(amount)} ${signed(amount)}`);
      setAttr(value, "data-tone", tone(amount));
      setText(note, `${percent === null ? "" : `${signed(percent, 2)} % `}${since}`);
    }
    facts.paint(account);
  }

  return {
    node,
    needs: ["account", "funds", "exposure", "equity"],
    paint({ account, funds, exposure: groups, equity: path }, changed) {
      if (!account) return;
      const without = account.nav === null;
      nothing.hidden = !without;
      body.hidden = without;
      if (without) return;
      paintHead(account);
      if (funds && changed.has("funds")) {
        flows.paint(funds, true);
        margin.paint(funds.margin, funds.currency);
        balances.node.hidden = funds.balances.length < 2;
        balances.paint(funds.balances);
        const cost = funds.slippage_bps === null ? "" : `, on average ${signed(funds.slippage_bps, 1)} bps against the price on arrival`;
        setText(trading, funds.fills ? `${plural(funds.fills, "fill")}, ${plural(funds.round_trips, "round trip")}${cost}.` : "No fill yet.");
      }
      if (groups && changed.has("exposure")) exposure.paint(groups);
      if (path && changed.has("equity")) equity.paint(path);
    },
  };
}
