// Which market is this, at what price, and how does the trader stand? The top line of the desk.

import { arrow, isNumber, number, quantity, signed, tone } from "../format.js";
import { h, setAttr, setText } from "../dom.js";

export function createHeader(ctx) {
  const { ask } = ctx;
  const symbol = h("select", { class: "vt-symbol", "aria-label": "Symbol", on: { change: () => ask({ intent: "watch", symbol: symbol.value }) } });
  const name = h("span", { class: "vt-sub" });
  const last = h("span", { class: "vt-last" });
  const change = h("span", { class: "vt-change" });
  const bid = h("span", {});
  const offer = h("span", {});
  const forked = h("span", { class: "vt-pill vt-forked" });
  const tiles = {};
  const tile = (key, title) => {
    tiles[key] = h("b", {});
    return h("span", { class: "vt-tile", "data-tile": key }, h("span", { class: "vt-sub" }, title), " ", tiles[key]);
  };
  const account = h("button", { type: "button", class: "vt-tiles vt-quiet", title: "Show the account", on: { click: () => ctx.emit("tab", "account") } },
    tile("nav", "NAV"), tile("pnl", "P&L"), tile("buying_power", "Buying power"));
  const level = h("button", { type: "button", class: "vt-link vt-level", on: { click: () => ctx.emit("tab", "progress") } });

  const node = h("header", { class: "vt-header" },
    h("div", { class: "vt-who" }, symbol, name),
    h("div", { class: "vt-price" }, last, change),
    h("div", { class: "vt-market" }, bid, offer),
    h("div", { class: "vt-marks" }, forked),
    account, level);

  let symbolsKey = "";
  function paintSymbols(list, chosen) {
    const key = list.map((row) => row.symbol).join();
    if (key !== symbolsKey) {
      symbolsKey = key;
      symbol.replaceChildren(...list.map((row) => h("option", { value: row.symbol }, row.symbol)));
    }
    if (document.activeElement !== symbol || symbol.vtShown !== chosen) symbol.value = chosen;
    symbol.vtShown = chosen;
  }

  return {
    node,
    needs: ["clock", "listed", "symbol", "instrument", "quote", "account", "progress"],
    paint(state, changed) {
      const { instrument, quote, clock, progress } = state;
      const decimals = instrument?.decimals ?? 2;
      if (changed.has("listed") || changed.has("symbol")) paintSymbols(state.listed ?? [], state.symbol);
      setText(name, [instrument?.name, instrument?.sector].filter((text) => text && text !== state.symbol).join(" · "));
      setText(last, number(quote?.last, decimals));
      const moved = isNumber(quote?.change) ? `${arrow(quote.change)} ${signed(quote.change, decimals)}` : "";
      setText(change, isNumber(quote?.change_pct) ? `${moved} (${signed(quote.change_pct)} %)` : moved);
      setAttr(change, "data-tone", tone(quote?.change ?? 0));
      setText(bid, isNumber(quote?.bid) ? `bid ${number(quote.bid, decimals)} × ${quantity(quote.bid_size)}` : "no bid");
      setText(offer, isNumber(quote?.ask) ? `ask ${number(quote.ask, decimals)} × ${quantity(quote.ask_size)}` : "no ask");
      setText(forked, clock?.forked ? `↳ branch of ${clock.forked}` : "");
      setAttr(forked, "title", clock?.forked ? `This desk branched off: ${clock.forked}` : null);
      if (!changed.has("account") && !changed.has("progress")) return;
      for (const key of ["nav", "buying_power"]) setText(tiles[key], number(state.account?.[key]));
      const percent = isNumber(state.account?.pnl_pct) ? ` (${signed(state.account.pnl_pct)} %)` : "";
      setText(tiles.pnl, isNumber(state.account?.pnl) ? `${arrow(state.account.pnl)} ${signed(state.account.pnl)}${percent}` : "–");
      setAttr(tiles.pnl, "data-tone", tone(state.account?.pnl ?? 0));
      level.hidden = !progress?.level;
      if (progress) setText(level, `Level ${progress.level} · ${quantity(progress.xp)} XP`);
    },
  };
}
