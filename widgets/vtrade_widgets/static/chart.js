// What did the price do? Candles and volume on one canvas, with axes, a crosshair, and the trader's own prices.
// A rising bar is hollow and a falling one filled, so the chart reads without colour.

import { DAY_S, barSeconds, compact, dayOf, duration, isNumber, monthOf, number, orderPrices, quantity, signed, timeOfDay } from "./format.js";
import { h, setAttr, setText } from "./dom.js";

const AXIS_BOTTOM = 20;
const VOLUME_SHARE = 0.17;
const BAR_PX_LEAST = 5;
const BAR_PX_MOST = 16;
const TIME_STEPS_S = [1, 5, 10, 30, 60, 300, 600, 900, 1800, 3600, 7200, 14400, DAY_S];

/** A round step so that about `count` of them span `range`; at least `least`. */
function niceStep(range, count, least) {
  const raw = Math.max(range / count, least);
  const power = 10 ** Math.floor(Math.log10(raw));
  return power * [1, 2, 2.5, 5, 10].find((factor) => factor * power >= raw * 0.999);
}

const moment = (t, seconds) => (seconds >= DAY_S ? dayOf(t) : timeOfDay(t, seconds < 60));

export function createChart() {
  const canvas = h("canvas", {});
  const box = h("div", { class: "vt-canvas", role: "img", tabindex: "0" }, canvas);
  const title = h("span", { class: "vt-chart-title" });
  const readout = h("span", { class: "vt-readout" });
  const nothing = h("p", { class: "vt-empty vt-over" });
  const node = h("section", { class: "vt-card vt-chart", "aria-label": "Price chart" },
    h("div", { class: "vt-chart-head" }, title, readout), box, nothing);
  box.append(nothing);

  const pen = canvas.getContext("2d");
  let state = null;
  let colours = null;
  let hover = null; // { x, y } in CSS pixels
  let shown = null; // geometry of the last drawing

  function readColours() {
    const style = getComputedStyle(node);
    const of = (name) => style.getPropertyValue(`--vt-${name}`).trim();
    colours = { text: of("text"), muted: of("muted"), line: of("line"), up: of("up"), down: of("down"), accent: of("accent"),
      surface: of("surface"), inverse: of("inverse"), font: style.fontFamily };
  }

  function tag(text, x, y, fill, ink, align = "left") {
    pen.font = `600 11px ${colours.font}`;
    const width = pen.measureText(text).width + 10;
    const left = align === "center" ? x - width / 2 : x;
    pen.fillStyle = fill;
    pen.fillRect(left, y - 9, width, 18);
    pen.fillStyle = ink;
    pen.textAlign = "left";
    pen.fillText(text, left + 5, y + 0.5);
    return width;
  }

  function rule(y, x0, x1, colour, dash) {
    pen.strokeStyle = colour;
    pen.setLineDash(dash);
    pen.beginPath();
    pen.moveTo(x0, Math.round(y) + 0.5);
    pen.lineTo(x1, Math.round(y) + 0.5);
    pen.stroke();
    pen.setLineDash([]);
  }

  /** Bars where the time axis gets a label: [index, text]. */
  function timeLabels(t, seconds, barPx) {
    if (seconds >= DAY_S) {
      const months = t.map((at, i) => [i, monthOf(at)]).filter(([i]) => i > 0 && monthOf(t[i]) !== monthOf(t[i - 1]));
      if (months.length > 1) return months;
      const stride = Math.max(1, Math.ceil(90 / barPx));
      return t.map((at, i) => [i, dayOf(at)]).filter(([i]) => i % stride === 0);
    }
    const step = TIME_STEPS_S.find((s) => (s / seconds) * barPx >= 78) ?? DAY_S;
    const labels = [];
    for (let i = 1; i < t.length; i += 1) {
      if (Math.floor(t[i] / DAY_S) !== Math.floor(t[i - 1] / DAY_S)) labels.push([i, dayOf(t[i])]);
      else if (Math.floor(t[i] / step) !== Math.floor(t[i - 1] / step)) labels.push([i, timeOfDay(t[i], step < 60)]);
    }
    return labels;
  }

  /** Prices worth a line: working orders of this symbol, and what the position cost. */
  function ownPrices() {
    const lines = [];
    for (const order of state.orders ?? []) {
      if (order.symbol !== state.symbol || !order.intents?.includes("cancel")) continue;
      const { limit, stop } = orderPrices(order.price);
      const side = order.side.toLowerCase();
      const size = quantity(order.quantity - order.filled);
      if (stop !== null) lines.push({ price: stop, text: `${side} stop ${size}`, side });
      if (limit !== null) lines.push({ price: limit, text: `${side === "buy" ? "▲" : "▼"} ${side} ${size}`, side });
    }
    const position = (state.positions ?? []).find((row) => row.symbol === state.symbol);
    if (position?.quantity && isNumber(position.avg_entry_price)) {
      lines.push({ price: position.avg_entry_price, text: `entry ${quantity(position.quantity)}`, side: "" });
    }
    return lines;
  }

  function draw() {
    const width = box.clientWidth;
    const height = box.clientHeight;
    if (!state || width < 60 || height < 60) return;
    const ratio = window.devicePixelRatio || 1;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    if (!colours) readColours();
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    pen.lineWidth = 1;
    pen.textBaseline = "middle";

    const bars = state.bars;
    const seconds = barSeconds(bars);
    const count = bars?.c?.length ?? 0;
    nothing.hidden = count > 0;
    if (!count) {
      shown = null;
      setText(nothing, "No prices yet. Press play and the chart fills as the market moves.");
      return;
    }
    const decimals = state.instrument?.decimals ?? 2;
    pen.font = `11px ${colours.font}`;
    const axis = Math.ceil(pen.measureText(number(Math.max(...bars.h), decimals)).width) + 16;
    const plotW = width - axis;
    const plotH = height - AXIS_BOTTOM;
    const volumeH = Math.round(plotH * VOLUME_SHARE);
    const priceH = plotH - volumeH - 6;

    const barPx = Math.min(BAR_PX_MOST, Math.max(BAR_PX_LEAST, (plotW - 8) / count));
    const from = Math.max(0, count - Math.floor((plotW - 8) / barPx));
    const view = { t: bars.t.slice(from), o: bars.o.slice(from), h: bars.h.slice(from), l: bars.l.slice(from), c: bars.c.slice(from), v: bars.v.slice(from) };
    const n = view.c.length;
    const last = state.quote?.last ?? view.c[n - 1];
    const tick = state.instrument?.tick ?? 0.01;
    let low = Math.min(...view.l, last);
    let high = Math.max(...view.h, last);
    const room = Math.max((high - low) * 0.08, tick * 2);
    low -= room;
    high += room;
    const y = (price) => 4 + (priceH - 4) * ((high - price) / (high - low));
    const priceAt = (py) => high - ((py - 4) / (priceH - 4)) * (high - low);
    const x = (i) => plotW - 6 - (n - i - 0.5) * barPx;

    pen.textAlign = "left";
    const step = niceStep(high - low, Math.max(2, priceH / 36), tick);
    for (let p = Math.ceil(low / step) * step; p < high; p += step) {
      const at = y(p);
      rule(at, 0, plotW, colours.line, []);
      pen.fillStyle = colours.muted;
      if (at > 8 && Math.abs(at - y(last)) > 14) pen.fillText(number(p, decimals), plotW + 8, at);
    }
    pen.textAlign = "center";
    let edge = -1e9;
    for (const [i, text] of timeLabels(view.t, seconds, barPx)) {
      const at = x(i);
      const half = pen.measureText(text).width / 2;
      if (at - half < Math.max(edge + 14, 2) || at + half > plotW) continue;
      edge = at + half;
      pen.strokeStyle = colours.line;
      pen.beginPath();
      pen.moveTo(Math.round(at) + 0.5, 0);
      pen.lineTo(Math.round(at) + 0.5, plotH);
      pen.stroke();
      pen.fillStyle = colours.muted;
      pen.fillText(text, at, plotH + AXIS_BOTTOM / 2 + 1);
    }
    pen.strokeStyle = colours.line;
    pen.strokeRect(-1.5, -1.5, plotW + 2, plotH + 2);

    const most = Math.max(...view.v, 1);
    const body = Math.max(2, Math.floor(barPx * 0.64) | 1);
    pen.globalAlpha = 0.45;
    for (let i = 0; i < n; i += 1) {
      const tall = (volumeH * view.v[i]) / most;
      pen.fillStyle = view.c[i] >= view.o[i] ? colours.up : colours.down;
      pen.fillRect(Math.round(x(i) - body / 2), plotH - tall, body, tall);
    }
    pen.globalAlpha = 1;
    pen.textAlign = "left";
    pen.fillStyle = colours.muted;
    pen.fillText(compact(most), plotW + 8, plotH - volumeH + 5);

    for (let i = 0; i < n; i += 1) {
      const up = view.c[i] >= view.o[i];
      const colour = up ? colours.up : colours.down;
      const middle = Math.round(x(i)) + 0.5;
      const top = y(Math.max(view.o[i], view.c[i]));
      const tall = Math.max(1, y(Math.min(view.o[i], view.c[i])) - top);
      pen.strokeStyle = colour;
      pen.beginPath();
      pen.moveTo(middle, y(view.h[i]));
      pen.lineTo(middle, y(view.l[i]));
      pen.stroke();
      pen.fillStyle = up ? colours.surface : colour;
      const left = Math.round(x(i) - body / 2);
      pen.fillRect(left, top, body, tall);
      if (up || tall < 2) pen.strokeRect(left + 0.5, Math.round(top) + 0.5, body - 1, Math.max(0, Math.round(tall) - 1));
    }

    const placed = [];
    for (const line of ownPrices()) {
      if (line.price <= low || line.price >= high) continue;
      const beside = placed.filter((other) => Math.abs(other.y - y(line.price)) < 19).map((other) => other.end + 3);
      const colour = line.side === "buy" ? colours.up : line.side === "sell" ? colours.down : colours.accent;
      rule(y(line.price), 0, plotW, colour, [6, 3]);
      const start = Math.max(4, ...beside);
      placed.push({ y: y(line.price), end: start + tag(line.text, start, y(line.price), colour, colours.inverse) });
    }
    const lastColour = view.c[n - 1] >= view.o[n - 1] ? colours.up : colours.down;
    rule(y(last), 0, plotW, lastColour, [2, 3]);
    tag(number(last, decimals), plotW + 3, y(last), lastColour, colours.inverse);

    shown = { view, x, n, barPx, plotW, plotH, seconds, decimals };
    let at = n - 1;
    if (hover && hover.x < plotW && hover.y < plotH) {
      at = Math.max(0, Math.min(n - 1, Math.round(n - 0.5 - (plotW - 6 - hover.x) / barPx)));
      pen.strokeStyle = colours.muted;
      pen.setLineDash([3, 3]);
      pen.beginPath();
      pen.moveTo(Math.round(x(at)) + 0.5, 0);
      pen.lineTo(Math.round(x(at)) + 0.5, plotH);
      pen.stroke();
      pen.setLineDash([]);
      const when = moment(view.t[at], seconds);
      tag(when, Math.max(24, Math.min(plotW - 24, x(at))), plotH + AXIS_BOTTOM / 2, colours.muted, colours.surface, "center");
      if (!hover.keys && hover.y < priceH) {
        rule(hover.y, 0, plotW, colours.muted, [3, 3]);
        tag(number(priceAt(hover.y), decimals), plotW + 3, hover.y, colours.muted, colours.surface);
      }
    }
    tellBar(at);
    const low0 = number(Math.min(...view.l), decimals);
    const high0 = number(Math.max(...view.h), decimals);
    setAttr(box, "aria-label", `${state.symbol}, ${n} bars of ${duration(seconds)}, from ${low0} to ${high0}, last ${number(last, decimals)}. Arrow keys read single bars.`);
  }

  function tellBar(i) {
    const { view, decimals, seconds } = shown;
    const when = moment(view.t[i], seconds);
    const part = (name) => number(view[name][i], decimals);
    setText(readout, `${when}  O ${part("o")}  H ${part("h")}  L ${part("l")}  C ${part("c")}  ${signed(view.c[i] - view.o[i], decimals)}  V ${compact(view.v[i])}`);
  }

  box.addEventListener("pointermove", (event) => {
    const frame = canvas.getBoundingClientRect();
    hover = { x: event.clientX - frame.left, y: event.clientY - frame.top };
    draw();
  });
  box.addEventListener("pointerleave", () => {
    hover = null;
    draw();
  });
  box.addEventListener("blur", () => {
    hover = null;
    draw();
  });
  box.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1, Home: -1e6, End: 1e6 }[event.key];
    if (!by || !shown) return;
    event.preventDefault();
    const at = hover ? Math.round(shown.n - 0.5 - (shown.plotW - 6 - hover.x) / shown.barPx) : shown.n;
    const to = Math.max(0, Math.min(shown.n - 1, at + by));
    hover = { x: shown.x(to), y: 0, keys: true };
    draw();
    setAttr(readout, "aria-live", "polite");
  });
  const observer = new ResizeObserver(draw);
  observer.observe(box);

  return {
    node,
    needs: ["bars", "quote", "symbol", "instrument", "orders", "positions"],
    paint(next) {
      state = next;
      setText(title, `${state.symbol ?? ""} · ${duration(barSeconds(state.bars))} bars`);
      draw();
    },
    recolour() {
      colours = null;
      draw();
    },
    close: () => observer.disconnect(),
  };
}
