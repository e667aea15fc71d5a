// What became of the orders, what is held, who leads, what was learned, what is the news?

import { arrow, isNumber, number, quantity, signed, tone, words } from "./format.js";
import { h, keyedTable, setAttr, setText, tabs } from "./dom.js";

const STATUS_SIGNS = { FILLED: "●", PARTIALLY_FILLED: "◐", ACCEPTED: "○", TRIGGERED: "◇", SUBMITTED: "…", INITIALIZED: "…", DENIED: "✕", REJECTED: "✕", CANCELED: "–", EXPIRED: "–" };
const sideText = (side) => (String(side).toLowerCase() === "buy" ? "▲ BUY" : "▼ SELL");
const sideTone = (side) => (String(side).toLowerCase() === "buy" ? "up" : "down");
const price = (value) => (isNumber(value) ? number(value) : value === null || value === undefined || value === "" ? "–" : String(value));

/** The venue's number of an order; none for one that never got there. */
const orderName = (row) => (row.number === 0 ? "–" : String(row.number ?? row.id));

function actionCell(td, key, buttons) {
  if (td.vtKey === key) return;
  td.vtKey = key;
  td.replaceChildren(...buttons.map(({ name, label, act }) => h("button", { type: "button", class: `vt-small vt-do-${name}`, "aria-label": label, on: { click: act } }, name)));
}

export function createBlotter({ ask, changeOrder, show }) {
  const orders = keyedTable({
    label: "Orders", key: "id",
    empty: "No orders yet. Choose a quantity and press Buy or Sell: every order appears here, with the reason for whatever happens to it.",
    mark: (row) => ({ "data-status": row.status, "data-id": row.id }),
    columns: [
      { head: "Order", cell: orderName, title: (row) => row.id },
      { head: "Time", cell: (row) => row.time ?? "" },
      { head: "Symbol", cell: (row) => row.symbol },
      { head: "Side", cell: (row) => sideText(row.side), tone: (row) => sideTone(row.side) },
      { head: "Type", cell: (row) => words(row.type).toLowerCase() },
      { head: "Price", num: true, cell: (row) => price(row.price) },
      { head: "Filled", num: true, cell: (row) => `${quantity(row.filled)} / ${quantity(row.quantity)}` },
      { head: "Avg px", num: true, cell: (row) => price(row.avg_px) },
      { head: "Status", cell: (row) => `${STATUS_SIGNS[row.status] ?? ""} ${words(row.status)}`, tone: (row) => `status-${row.status}` },
      { head: "Why", kind: "grow", cell: (row) => row.reason ?? "", title: (row) => row.reason },
      { head: "", kind: "acts", fill: (td, row) => {
        const may = row.intents ?? [];
        const about = `order ${orderName(row)}: ${row.side} ${quantity(row.quantity)} ${row.symbol}`;
        const buttons = [];
        if (may.includes("replace")) buttons.push({ name: "change", label: `Change ${about}`, act: () => changeOrder(td.closest("tr").vtRow) });
        if (may.includes("cancel")) buttons.push({ name: "cancel", label: `Cancel ${about}`, act: () => ask({ intent: "cancel", id: row.id }) });
        actionCell(td, may.join(), buttons);
      } },
    ],
  });
  const positions = keyedTable({
    label: "Positions", key: "symbol",
    empty: "Flat: nothing is held. A filled order opens a position, with its gain or loss in plain numbers.",
    mark: (row) => ({ "data-symbol": row.symbol }),
    columns: [
      { head: "Symbol", cell: (row) => row.symbol },
      { head: "Position", cell: (row) => (row.quantity > 0 ? "LONG" : row.quantity < 0 ? "SHORT" : "FLAT") },
      { head: "Quantity", num: true, cell: (row) => quantity(row.quantity) },
      { head: "Avg entry", num: true, cell: (row) => price(row.avg_entry_price) },
      { head: "Last", num: true, cell: (row) => price(row.last) },
      { head: "Market value", num: true, cell: (row) => number(row.market_value) },
      { head: "Unrealised P&L", num: true, cell: (row) => `${arrow(row.unrealized_pnl)} ${signed(row.unrealized_pnl)}`, tone: (row) => tone(row.unrealized_pnl) },
      { head: "Realised P&L", num: true, cell: (row) => signed(row.realized_pnl), tone: (row) => tone(row.realized_pnl) },
      { head: "", kind: "acts", fill: (td, row) => actionCell(td, row.quantity ? "close" : "", row.quantity ? [{ name: "close", label: `Close ${row.symbol} at market`, act: () => ask({ intent: "close", symbol: row.symbol }) }] : []) },
    ],
  });
  let watched = null;
  const market = keyedTable({
    label: "Market", key: "symbol", empty: "No instruments on this desk.",
    mark: (row) => ({ "data-symbol": row.symbol, "aria-current": row.symbol === watched ? "true" : null }),
    columns: [
      { head: "Symbol", fill: (td, row) => actionCell(td, row.symbol, [{ name: row.symbol, label: `Show ${row.symbol}`, act: () => ask({ intent: "watch", symbol: row.symbol }) }]) },
      { head: "Name", cell: (row) => row.name ?? "" },
      { head: "Sector", cell: (row) => row.sector ?? "" },
      { head: "Last", num: true, cell: (row) => price(row.last) },
      { head: "Change", num: true, cell: (row) => (isNumber(row.change_pct) ? `${arrow(row.change_pct)} ${signed(row.change_pct)} %` : "–"), tone: (row) => tone(row.change_pct ?? 0) },
    ],
  });
  const standings = keyedTable({
    label: "Standings", key: "name", empty: "No standings yet. They begin with the first order.",
    mark: (row) => ({ "data-me": row.me ? "true" : null }),
    columns: [
      { head: "Rank", num: true, cell: (row) => String(row.rank) },
      { head: "Trader", cell: (row) => (row.me && row.name !== "you" ? `${row.name} (you)` : row.name) },
      { head: "Score", num: true, cell: (row) => number(row.score, 0) },
    ],
  });
  const missions = keyedTable({
    label: "Missions", key: "name", empty: "No missions at the moment.",
    columns: [
      { head: "Mission", cell: (row) => words(row.name), title: (row) => row.about },
      { head: "Done", num: true, cell: (row) => `${row.done >= row.goal ? "✓ " : ""}${quantity(row.done)} / ${quantity(row.goal)}` },
    ],
  });
  const levelText = h("p", { class: "vt-level-text" });
  const levelBar = h("div", { class: "vt-done" });
  const levelBox = h("div", { class: "vt-level-bar", role: "progressbar", "aria-label": "Experience on the way to the next level", "aria-valuemin": "0", "aria-valuemax": "100" }, levelBar);
  const badges = h("ul", { class: "vt-badges", "aria-label": "Badges" });
  const progress = h("div", { class: "vt-two" }, h("div", {}, levelText, levelBox, badges), missions.node);
  const news = h("ul", { class: "vt-news", "aria-label": "News" });

  const pages = tabs("Blotter", [
    { name: "orders", title: "Orders", node: orders.node },
    { name: "positions", title: "Positions", node: positions.node },
    { name: "market", title: "Market", node: market.node },
    { name: "standings", title: "Standings", node: standings.node },
    { name: "progress", title: "Progress", node: progress },
    { name: "news", title: "News", node: news },
  ]);
  show.to = pages.choose;
  const node = h("section", { class: "vt-card vt-blotter", "aria-label": "Orders, positions and standings" }, pages.node);

  function paintProgress(value) {
    const goal = value?.next_level_xp ?? 0;
    const share = goal > 0 ? Math.min(1, value.xp / goal) : 0;
    setText(levelText, value ? `Level ${value.level}${value.title ? `, ${value.title}` : ""}: ${quantity(value.xp)} of ${quantity(goal)} XP to the next level` : "No progress yet.");
    levelBox.hidden = !value;
    levelBar.style.transform = `scaleX(${share})`;
    setAttr(levelBox, "aria-valuenow", Math.round(100 * share));
    const names = value?.badges ?? [];
    badges.replaceChildren(...(names.length ? names.map((badge) => h("li", { class: "vt-badge" }, `★ ${words(badge)}`)) : [h("li", { class: "vt-sub" }, "No badges yet.")]));
    missions.paint(value?.missions ?? []);
  }

  function paintNews(list) {
    news.replaceChildren(...(list.length ? list.map((item) => h("li", {}, h("time", {}, item.time), h("b", {}, item.symbol), h("span", {}, item.headline))) : [h("li", { class: "vt-empty" }, "No news. Quiet markets have none.")]));
  }

  const painters = {
    orders: (state) => {
      const list = state.orders ?? [];
      orders.paint(list);
      const working = list.filter((row) => row.intents?.includes("cancel")).length;
      pages.count("orders", working ? `${working} working` : "");
    },
    positions: (state) => {
      const list = state.positions ?? [];
      positions.paint(list);
      pages.count("positions", list.length ? String(list.length) : "");
    },
    symbols: (state) => market.paint(state.symbols ?? []),
    symbol: (state) => {
      watched = state.symbol;
      market.paint((state.symbols ?? []).map((row) => ({ ...row })));
    },
    standings: (state) => standings.paint(state.standings ?? []),
    progress: (state) => paintProgress(state.progress),
    news: (state) => {
      paintNews(state.news ?? []);
      pages.count("news", state.news?.length ? String(state.news.length) : "");
    },
  };
  return {
    node,
    needs: Object.keys(painters),
    paint(state, changed) {
      for (const [name, painter] of Object.entries(painters)) if (changed.has(name)) painter(state);
    },
  };
}
