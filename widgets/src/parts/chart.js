// What did the price do, and what did I do there? Candles, volume and indicators, own fills, order lines that can be moved,
// news and halts. What is chosen (bar length, indicators) is asked of the kernel, which works everything out.

import { createEvents } from "./chart-events.js";
import { createLines } from "./chart-lines.js";
import { indexOf, studyKeys, summary } from "./chart-math.js";
import { createLengths, createStudyMenu } from "./chart-menu.js";
import { coloursOf, createPlot } from "./chart-plot.js";
import { createReadout } from "./chart-readout.js";
import { h, setAttr, setText } from "../dom.js";

const BARS_FIRST = 300;
const BARS_MOST = 5000;
const EDGE_BARS = 20; // so near to the oldest bar more of them are asked for
const ZOOM = 0.8;

export function createChart(ctx) {
  const canvas = h("div", { class: "vt-plot" });
  const overlay = h("div", { class: "vt-overlay" });
  const nothing = h("p", { class: "vt-empty vt-over" }, "No prices yet. Press play and the chart fills as the market moves.");
  const plotBox = h("div", { class: "vt-plot-focus", role: "application", "aria-roledescription": "price chart", tabindex: "0" }, canvas);
  const now = h("button", { type: "button", class: "vt-now", hidden: true, on: { click: () => toNow() } }, "Now ⇥");
  const title = h("h3", { class: "vt-chart-title" });
  const status = h("span", { class: "vt-pill", hidden: true });
  const readout = createReadout();
  const box = h("div", { class: "vt-chart-box" }, plotBox, readout.node, overlay, now, nothing);
  const lengths = createLengths((seconds) => look({ bar_s: seconds, bars: BARS_FIRST }));
  const menu = createStudyMenu(ctx, (indicators) => look({ indicators }));
  const head = h("div", { class: "vt-chart-head" }, title, status, lengths.node, menu.node);
  const node = h("section", { class: "vt-card vt-chart", "aria-label": "Price chart" }, head, box, readout.spoken);

  let state = {};
  let plot = null; // made at the first picture, when there is a page to draw on
  let lines = null;
  let events = null;
  let shape = ""; // symbol, bar length and indicators that are drawn
  let symbolShown = null;
  let asking = false; // more history is on its way
  let hovered = null; // time of the bar under the crosshair
  let pinned = null; // time of the bar that was reached by a key
  let spoken = false; // whether the crosshair was moved by a key
  let recalled = false;
  let marked = null; // the marks that are drawn
  let bare = null; // whether there was no bar when they were

  /** Look at something else, and remember it. */
  async function look(changes) {
    const reply = await ctx.look(changes);
    if (reply?.kind === "ok") ctx.prefs.set("chart", { ...choices(), ...("bars" in changes ? { bar_s: changes.bar_s } : changes) });
    else if (reply && !("indicators" in changes)) ctx.say(reply.text, "error");
    return reply;
  }

  const choices = () => ({ bar_s: state.bars?.seconds, indicators: (state.charting?.studies ?? []).map((study) => study.name) });

  /** What was chosen the last time, once. */
  function recall() {
    recalled = true;
    const saved = ctx.prefs.get("chart", null);
    if (!saved) return;
    const { bar_s, indicators } = choices();
    const wanted = {};
    if (Number.isInteger(saved.bar_s) && saved.bar_s !== bar_s && state.charting.lengths.some((each) => each.seconds === saved.bar_s)) wanted.bar_s = saved.bar_s;
    if (Array.isArray(saved.indicators) && saved.indicators.length && !indicators.length) wanted.indicators = saved.indicators;
    if (Object.keys(wanted).length) ctx.look(wanted);
  }

  function start() {
    plot = createPlot(canvas, {
      moved(param) {
        hovered = param.time ?? pinned;
        read(param.seriesData);
      },
      ranged: follow,
      drawn: place,
    });
    events = createEvents(overlay, plot, ctx);
    lines = createLines(overlay, plot, { ask: ctx.ask, say: ctx.say, refocus: () => plotBox.focus() });
  }

  function place() {
    lines?.place();
    events?.place();
    if (!plot) return;
    readout.place(plot.topOf);
    now.hidden = plot.atNow();
    const { axis, foot } = plot.size();
    now.style.right = `${axis + 10}px`;
    now.style.bottom = `${foot + 10}px`;
  }

  /** The view was moved: near its beginning, older bars are asked for. */
  function follow(range) {
    const bars = state.bars;
    if (!range || !bars || asking || range.from - (plot.held - bars.t.length) > EDGE_BARS || bars.t.length >= Math.min(bars.kept, BARS_MOST)) return;
    asking = true;
    ctx.look({ bars: Math.min(BARS_MOST, Math.max(2 * bars.t.length, plot.held + BARS_FIRST)) }).then((reply) => {
      if (reply?.kind !== "ok") asking = false;
    });
  }

  function toNow() {
    plot?.toNow();
    plotBox.focus();
  }

  function theme() {
    if (!plot) return;
    const colours = coloursOf(node);
    if (!colours) return;
    plot.recolour(colours);
    readout.recolour(colours);
    lines.recolour();
    for (const logo of canvas.querySelectorAll("#tv-attr-logo")) setAttr(logo, "aria-label", "Charting by TradingView");
  }

  function read(seriesData) {
    const bars = state.bars;
    if (!plot || !bars?.t.length) return;
    const decimals = state.instrument?.decimals ?? 2;
    const at = hovered === null ? bars.t.length - 1 : indexOf(bars.t, hovered);
    if (at >= 0) {
      const bar = { t: bars.t[at], o: bars.o[at], h: bars.h[at], l: bars.l[at], c: bars.c[at], v: bars.v[at] };
      readout.paint(bar, bars.seconds, decimals, (line) => bars[line.key]?.[at], spoken);
    } else {
      const candle = seriesData?.get(plot.candles);
      if (!candle || candle.open === undefined) return;
      const bar = { t: candle.time, o: candle.open, h: candle.high, l: candle.low, c: candle.close, v: seriesData.get(plot.volume)?.value };
      readout.paint(bar, bars.seconds, decimals, (line) => seriesData.get(line.series)?.value, spoken);
    }
    spoken = false;
  }

  plotBox.addEventListener("keydown", (event) => {
    if (!plot || !state.bars?.t.length || event.target !== plotBox) return;
    const { t, c } = state.bars;
    const by = { ArrowLeft: -1, ArrowRight: 1, Home: -t.length, End: t.length }[event.key];
    if (by) {
      const from = hovered === null ? t.length : indexOf(t, hovered);
      const to = Math.max(0, Math.min(t.length - 1, (from < 0 ? t.length : from) + by));
      spoken = true;
      pinned = t[to];
      reveal(to);
      plot.chart.setCrosshairPosition(c[to], t[to], plot.candles);
      hovered = pinned; // the library tells of its pointer only
      read();
    } else if (event.key === "+" || event.key === "=") {
      plot.zoom(ZOOM);
    } else if (event.key === "-") {
      plot.zoom(1 / ZOOM);
    } else if (event.key === "Escape") {
      unpin();
    } else {
      return;
    }
    event.preventDefault();
  });
  function unpin() {
    pinned = null;
    hovered = null;
    plot?.chart.clearCrosshairPosition();
    read();
  }
  plotBox.addEventListener("blur", unpin);
  plotBox.addEventListener("pointermove", () => { pinned = null; });
  plotBox.addEventListener("pointerdown", () => plotBox.focus({ preventScroll: true }));
  // a page that is scrolled past the chart goes on scrolling; with the focus in the chart, or with Ctrl, the wheel zooms
  plotBox.addEventListener("wheel", (event) => {
    if (!node.contains(document.activeElement) && !event.ctrlKey && Math.abs(event.deltaY) >= Math.abs(event.deltaX)) event.stopPropagation();
  }, { capture: true });

  /** Scroll until a bar is in sight. */
  function reveal(at) {
    const range = plot.chart.timeScale().getVisibleLogicalRange();
    if (!range) return;
    const place = at + plot.held - state.bars.t.length;
    const by = place < range.from + 1 ? place - range.from - 1 : place > range.to - 1 ? place - range.to + 1 : 0;
    if (by) plot.chart.timeScale().setVisibleLogicalRange({ from: range.from + by, to: range.to + by });
  }

  function paintBars() {
    const { bars, charting, instrument, symbol } = state;
    const studies = (charting?.studies ?? []).filter((study) => study.lines.every((line) => bars[line.key]));
    if (studies.reduce((sum, study) => sum + study.lines.length, 0) !== studyKeys(bars).length) return false; // the rest of it is on its way
    const wanted = [symbol, instrument?.tick, ...studies.map((study) => study.name)].join(" ");
    if (wanted !== shape) {
      shape = wanted;
      plot.setGrid(instrument);
      const panes = plot.setStudies(studies);
      box.style.setProperty("--vt-panes", panes);
      plot.setGrid(instrument);
      readout.setStudies(plot.studies, plot.colours);
    }
    const another = symbolShown !== `${symbol} ${bars.seconds}`;
    const anew = plot.paint(bars, another);
    if (another) {
      symbolShown = `${symbol} ${bars.seconds}`;
      hovered = pinned = null;
      plot.fit();
    }
    if (anew) asking = false;
    return true;
  }

  function paint(next) {
    state = next;
    const { bars, charting, instrument, quote, symbol, marks } = state;
    const empty = !bars?.t?.length;
    nothing.hidden = !empty;
    readout.node.hidden = empty;
    overlay.hidden = empty;
    setText(title, symbol ?? "");
    status.hidden = quote?.status === "OPEN" || !quote?.status;
    setText(status, { HALTED: "◆ HALTED", CLOSED: "○ CLOSED" }[quote?.status] ?? quote?.status ?? "");
    setAttr(status, "data-status", quote?.status);
    if (charting) {
      lengths.paint(charting.lengths, bars?.seconds);
      menu.paint(charting);
      if (!recalled && state.prefs && bars) recall();
    }
    setAttr(plotBox, "aria-label", summary(state));
    if (!bars || !node.clientWidth) return;
    if (!plot) start();
    if (!plot.colours) theme();
    if (!plot.colours) return;
    if (!empty && !paintBars()) return;
    if (empty) plot.clear();
    if (marks !== marked || empty !== bare) {
      marked = marks;
      bare = empty;
      plot.setFills(empty ? [] : marks?.fills ?? []);
      plot.setEntry(empty ? null : marks?.position);
      lines.paint(empty ? [] : marks?.lines ?? [], instrument);
      events.paint(empty ? {} : marks);
    }
    if (hovered === null) read();
    place();
  }

  // a panel that was made out of sight is drawn when it comes into sight
  const sizes = new ResizeObserver(() => !plot && state.bars && paint(state));
  sizes.observe(node);
  ctx.on("theme", () => requestAnimationFrame(theme));

  return {
    node,
    needs: ["bars", "charting", "marks", "quote", "symbol", "instrument", "prefs"],
    paint,
    close() {
      sizes.disconnect();
      menu.close();
      lines?.close();
      plot?.close();
      plot = null;
    },
  };
}
