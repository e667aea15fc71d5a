// Which market is this, what is the time there, and how does the trader stand?

import { arrow, barSeconds, duration, isNumber, number, plural, quantity, signed, tone } from "./format.js";
import { h, icon, setAttr, setIcon, setText } from "./dom.js";

/**
 * How far one press of step and rewind goes, and the speeds on offer, in units of the desk's clock. A unit is what
 * passes in a second at speed 1: a second, or on a tape of bars one bar.
 */
function paces(unit) {
  if (unit >= 3600) return { unit, step: 1, rewind: 5, speeds: [0.5, 1, 2, 5, 20] };
  return { unit, step: 10, rewind: 60, speeds: [1, 2, 5, 10, 30, 60, 300] };
}

export function createHeader({ ask }) {
  const symbol = h("select", { class: "vt-symbol", "aria-label": "Symbol", on: { change: () => ask({ intent: "watch", symbol: symbol.value }) } });
  const name = h("span", { class: "vt-sub" });
  const last = h("span", { class: "vt-last" });
  const change = h("span", { class: "vt-change" });
  const bid = h("span", {});
  const offer = h("span", {});
  const status = h("span", { class: "vt-pill" });
  const forked = h("span", { class: "vt-pill vt-forked" });
  const time = h("span", { class: "vt-time" });
  const date = h("span", { class: "vt-sub" });
  const rewindText = h("span");
  const stepText = h("span");
  const playIcon = icon("play");
  const playText = h("span");
  let state = {};
  const clock = () => state.clock ?? {};
  const pace = () => paces(clock().unit_s ?? (barSeconds(state.bars) >= 3600 ? barSeconds(state.bars) : 1));

  const rewind = h("button", { type: "button", class: "vt-tool vt-rewind", on: { click: () => ask({ intent: "rewind", seconds: pace().rewind }) } }, icon("rewind"), rewindText);
  const play = h("button", { type: "button", class: "vt-tool vt-play", on: { click: () => ask(clock().playing ? { intent: "pause" } : { intent: "play", speed: Number(speed.value) || 1 }) } }, playIcon, playText);
  const step = h("button", { type: "button", class: "vt-tool vt-step", on: { click: () => ask({ intent: "step", seconds: pace().step }) } }, icon("step"), stepText);
  const speed = h("select", { class: "vt-speed", "aria-label": "Speed of the market", on: { change: () => clock().playing && ask({ intent: "play", speed: Number(speed.value) }) } });
  const done = h("div", { class: "vt-done" });
  const progress = h("div", { class: "vt-progress", role: "progressbar", "aria-label": "How much of the tape has played", "aria-valuemin": "0", "aria-valuemax": "100" }, done);

  const node = h("header", { class: "vt-header" },
    h("div", { class: "vt-who" }, symbol, name),
    h("div", { class: "vt-price" }, last, change),
    h("div", { class: "vt-market" }, bid, offer),
    h("div", { class: "vt-marks" }, forked),
    h("div", { class: "vt-clock" }, time, h("div", { class: "vt-when" }, date, status)),
    h("div", { class: "vt-transport", role: "group", "aria-label": "Market clock" }, rewind, play, step, speed),
    progress);

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

  let speedsKey = "";
  function paintSpeeds(wanted) {
    const list = pace().speeds.includes(wanted) || !wanted ? pace().speeds : [...pace().speeds, wanted].sort((a, b) => a - b);
    const { unit } = pace();
    if (`${unit}:${list.join()}` !== speedsKey) {
      speedsKey = `${unit}:${list.join()}`;
      speed.replaceChildren(...list.map((value) => h("option", { value }, unit > 1 ? `${duration(value * unit)}/s` : `${quantity(value)}×`)));
      speed.value = wanted || 1;
    }
    if (wanted && clock().playing && document.activeElement !== speed) speed.value = wanted;
  }

  return {
    node,
    needs: ["clock", "symbols", "symbol", "instrument", "quote", "bars"],
    paint(next) {
      state = next;
      const { instrument, quote } = state;
      const decimals = instrument?.decimals ?? 2;
      paintSymbols(state.symbols ?? [], state.symbol);
      setText(name, [instrument?.name, instrument?.sector].filter((text) => text && text !== state.symbol).join(" · "));
      setText(last, number(quote?.last, decimals));
      const moved = isNumber(quote?.change) ? `${arrow(quote.change)} ${signed(quote.change, decimals)}` : "";
      setText(change, isNumber(quote?.change_pct) ? `${moved} (${signed(quote.change_pct)} %)` : moved);
      setAttr(change, "data-tone", tone(quote?.change ?? 0));
      setText(bid, isNumber(quote?.bid) ? `bid ${number(quote.bid, decimals)} × ${quantity(quote.bid_size)}` : "no bid");
      setText(offer, isNumber(quote?.ask) ? `ask ${number(quote.ask, decimals)} × ${quantity(quote.ask_size)}` : "no ask");
      setText(status, clock().ended ? "■ TAPE ENDED" : { OPEN: "● OPEN", HALTED: "◆ HALTED", CLOSED: "○ CLOSED" }[quote?.status] ?? quote?.status ?? "");
      setAttr(status, "data-status", clock().ended ? "ENDED" : quote?.status);
      setText(forked, clock().forked ? `↳ ${clock().forked}` : "");
      setAttr(forked, "title", clock().forked ? `This desk branched off: ${clock().forked}` : null);
      setText(time, clock().time ?? "–");
      setText(date, clock().date ?? "");
      setIcon(playIcon, clock().playing ? "pause" : "play");
      setText(playText, clock().playing ? "Pause" : "Play");
      setAttr(play, "disabled", Boolean(clock().ended) && !clock().playing);
      setAttr(step, "disabled", Boolean(clock().ended));
      const [back, ahead] = [duration(pace().rewind * pace().unit), duration(pace().step * pace().unit)];
      setText(rewindText, back);
      setText(stepText, ahead);
      setAttr(rewind, "aria-label", `Rewind ${back}`);
      setAttr(step, "aria-label", `Step ${ahead}`);
      paintSpeeds(clock().speed);
      const percent = Math.round(1000 * (clock().progress ?? 0)) / 10;
      done.style.transform = `scaleX(${percent / 100})`;
      setAttr(progress, "aria-valuenow", percent);
    },
  };
}

export function createAccount({ show }) {
  const tiles = {};
  const tile = (key, title) => {
    tiles[key] = h("b", {});
    return h("div", { class: "vt-tile", role: "listitem", "data-tile": key }, h("span", { class: "vt-sub" }, title), tiles[key]);
  };
  const rank = h("button", { type: "button", class: "vt-link vt-rank", on: { click: () => show("standings") } });
  const level = h("button", { type: "button", class: "vt-link vt-level", on: { click: () => show("progress") } });
  const node = h("div", { class: "vt-account" },
    h("div", { class: "vt-tiles", role: "list", "aria-label": "Account" }, tile("nav", "NAV"), tile("pnl", "P&L"), tile("cash", "Cash"), tile("reserved", "Reserved"), tile("buying_power", "Buying power"), tile("fees", "Fees")),
    h("div", { class: "vt-game" }, rank, level));
  return {
    node,
    needs: ["account", "standings", "progress"],
    paint({ account, standings, progress }) {
      for (const key of ["nav", "cash", "reserved", "buying_power", "fees"]) setText(tiles[key], number(account?.[key]));
      const percent = isNumber(account?.pnl_pct) ? ` (${signed(account.pnl_pct)} %)` : "";
      setText(tiles.pnl, isNumber(account?.pnl) ? `${arrow(account.pnl)} ${signed(account.pnl)}${percent}` : "–");
      setAttr(tiles.pnl, "data-tone", tone(account?.pnl ?? 0));
      const me = (standings ?? []).find((row) => row.me);
      rank.hidden = !me;
      if (me) setText(rank, `Rank ${me.rank} of ${plural(standings.length, "trader")}`);
      level.hidden = !progress;
      if (progress) setText(level, `Level ${progress.level} · ${quantity(progress.xp)} XP`);
    },
  };
}
