// How do bars and indicators come onto the page? lightweight-charts draws them; this says what, in which colours, and
// hands only what is new to it. A rising candle is hollow and a falling one filled, so the chart reads without colour.

import { CandlestickSeries, HistogramSeries, LineSeries, LineStyle, createChart, createSeriesMarkers } from "lightweight-charts";

import { freshFrom, indexOf } from "./chart-math.js";
import { DAY_S, dayOf, isEpoch, monthOf, number, quantity, timeOfDay } from "../format.js";

const HELD_MOST = 12000; // bars the library holds before it is given the newest ones afresh
const PRICE_SHARE = 3; // height of the pane of prices, in heights of another pane
const COLOURS = ["text", "muted", "line", "edge", "up", "down", "buy", "sell", "accent", "surface", "inverse", ...Array.from({ length: 6 }, (_, n) => `study-${n + 1}`)];
const RIGHT_BARS = 4; // room beside the newest bar
const FIT_PX = 7; // width of a bar at first
const FIT_LEAST = 60; // bars the axis has room for at least
const DASHES = [LineStyle.Solid, LineStyle.Dashed, LineStyle.Dotted, LineStyle.LargeDashed];
const SEPARATOR_PX = 1; // between panes
const MARK_DAYS = 3; // kinds of tick marks below this are of a year, a month, a day

/** The colours that hold for a node now; null while it is not on the page. */
export function coloursOf(node) {
  const style = getComputedStyle(node);
  const found = Object.fromEntries(COLOURS.map((name) => [name, style.getPropertyValue(`--vt-${name}`).trim()]));
  return found.text ? { ...found, font: style.fontFamily } : null;
}

/** How a line of a study is drawn: colours come round after six, dashes tell the rounds and the lines of one study apart. */
export function penOf(study, line) {
  return { colour: `study-${(study % 6) + 1}`, dash: DASHES[(line + Math.floor(study / 6)) % DASHES.length] };
}

const faint = (colour) => (/^#[0-9a-f]{6}$/i.test(colour) ? `${colour}80` : colour);

export const momentText = (t, seconds) => (seconds >= DAY_S ? dayOf(t) : `${isEpoch(t) ? `${dayOf(t)} ` : ""}${timeOfDay(t, seconds < 60)}`);

/**
 * @param box  where to draw
 * @param on   { moved(param), ranged(range), drawn() }
 */
export function createPlot(box, on) {
  let colours = null;
  let seconds = 60;
  let grid = { tick: 0.01, decimals: 2 };
  let drawn = null; // the view of bars that is on the page
  let held = 0;
  let studies = []; // [{ pane, lines: [{ key, series, style, pen }] }]
  let fills = [];
  let entry = null; // the line at the average entry price
  let last = null; // the line at the last price: the library's own would be as hollow as the candle
  let placing = false;

  const chart = createChart(box, {
    autoSize: true,
    layout: { attributionLogo: true, fontSize: 11, background: { color: "transparent" } },
    timeScale: { timeVisible: true, secondsVisible: true, rightOffset: RIGHT_BARS, minBarSpacing: 0.3, tickMarkFormatter: markText },
    localization: { timeFormatter: (t) => momentText(t, seconds) },
    rightPriceScale: { scaleMargins: { top: 0.14, bottom: 0.2 }, minimumWidth: 64 },
    crosshair: { mode: 0 },
    kineticScroll: { mouse: false, touch: true },
  });
  const candles = chart.addSeries(CandlestickSeries, { lastValueVisible: false, priceLineVisible: false });
  const volume = chart.addSeries(HistogramSeries, { priceScaleId: "volume", priceFormat: { type: "volume" }, lastValueVisible: false, priceLineVisible: false });
  volume.priceScale().applyOptions({ scaleMargins: { top: 0.84, bottom: 0 } });
  const markers = createSeriesMarkers(candles, []);
  const scale = chart.timeScale();

  function markText(t, kind) {
    if (kind >= MARK_DAYS) return timeOfDay(t, seconds < 60 && t % 60 !== 0);
    return kind < 2 ? monthOf(t) : isEpoch(t) ? dayOf(t).split(" ").slice(0, 2).join(" ") : dayOf(t);
  }

  // what stands over the chart moves when the library draws, in the same frame
  candles.attachPrimitive({
    updateAllViews() {
      if (placing) return;
      placing = true;
      queueMicrotask(() => {
        placing = false;
        on.drawn();
      });
    },
  });
  chart.subscribeCrosshairMove(on.moved);
  scale.subscribeVisibleLogicalRangeChange(on.ranged);

  const candle = (bars, i) => ({ time: bars.t[i], open: bars.o[i], high: bars.h[i], low: bars.l[i], close: bars.c[i] });
  const pillar = (bars, i) => ({ time: bars.t[i], value: bars.v[i], color: faint(bars.c[i] >= bars.o[i] ? colours.up : colours.down) });
  const point = (bars, key, i) => (bars[key]?.[i] === null || bars[key]?.[i] === undefined ? { time: bars.t[i] } : { time: bars.t[i], value: bars[key][i] });
  const lines = () => studies.flatMap((study) => study.lines);

  /** Draw a view of bars; whether all of it was drawn anew. `other`: it is of something else than before. */
  function paint(bars, other) {
    seconds = bars.seconds;
    const from = other || held > HELD_MOST ? -1 : freshFrom(drawn, bars);
    if (from < 0) {
      const sight = other || !held ? null : scale.getVisibleLogicalRange();
      const end = held - 1;
      const all = bars.t.map((_, i) => i);
      candles.setData(all.map((i) => candle(bars, i)));
      volume.setData(all.map((i) => pillar(bars, i)));
      for (const line of lines()) line.series.setData(all.map((i) => point(bars, line.key, i)));
      held = bars.t.length;
      // older bars came in front, and what is in sight stays in sight
      const shift = sight && drawn?.t.length ? indexOf(bars.t, drawn.t.at(-1)) - end : 0;
      if (sight && shift > 0 && end >= 0) scale.setVisibleLogicalRange({ from: sight.from + shift, to: sight.to + shift });
    } else {
      for (let i = from; i < bars.t.length; i += 1) {
        if (bars.t[i] !== drawn.t.at(-1)) held += 1;
        candles.update(candle(bars, i));
        volume.update(pillar(bars, i));
        for (const line of lines()) line.series.update(point(bars, line.key, i));
      }
    }
    drawn = bars;
    setLast();
    return from < 0;
  }

  function setLast() {
    const close = drawn?.c.at(-1);
    if (close === undefined || !colours) return;
    const colour = close >= drawn.o.at(-1) ? colours.up : colours.down;
    const options = { price: close, color: colour, axisLabelColor: colour, axisLabelTextColor: colours.inverse, lineStyle: LineStyle.Dotted, lineWidth: 1, axisLabelVisible: true };
    if (last) last.applyOptions(options);
    else last = candles.createPriceLine(options);
  }

  function clear() {
    if (last) candles.removePriceLine(last);
    last = null;
    for (const series of [candles, volume, ...lines().map((line) => line.series)]) series.setData([]);
    drawn = null;
    held = 0;
  }

  function setStudies(list) {
    for (const line of lines()) chart.removeSeries(line.series);
    const panes = ["price"];
    studies = list.map((study, number_) => {
      if (!panes.includes(study.pane)) panes.push(study.pane);
      const pane = panes.indexOf(study.pane);
      const drawnLines = study.lines.map((line, place) => {
        const pen = penOf(number_, place);
        const options = { lineWidth: 2, lineStyle: pen.dash, lastValueVisible: false, priceLineVisible: false, crosshairMarkerVisible: false, ...(pane ? { priceFormat: { type: "custom", formatter: (value) => number(value, study.pane === "rsi" ? 1 : Math.max(grid.decimals, 2)), minMove: 1e-6 } } : {}) };
        const series = chart.addSeries(line.style === "histogram" ? HistogramSeries : LineSeries, options, pane);
        if (study.pane === "rsi") series.applyOptions({ autoscaleInfoProvider: () => ({ priceRange: { minValue: 0, maxValue: 100 } }) });
        return { key: line.key, title: line.title, style: line.style, role: line.title.slice(study.title.length).trim(), series, pen };
      });
      const guide = (level) => drawnLines[0].series.createPriceLine({ price: level, lineStyle: LineStyle.Dotted, lineWidth: 1, axisLabelVisible: false });
      return { ...study, place: pane, lines: drawnLines, guides: pane ? study.levels.map(guide) : [] };
    });
    chart.panes().forEach((pane, place) => pane.setStretchFactor(place ? 1 : PRICE_SHARE));
    drawn = null; // the new lines want all their points
    recolour();
    return panes.length - 1;
  }

  function recolour(next = colours) {
    colours = next;
    if (!colours) return;
    const { up, down, surface, muted, line, edge } = colours;
    chart.applyOptions({
      layout: { textColor: muted, fontFamily: colours.font, panes: { separatorColor: line, separatorHoverColor: line } },
      grid: { vertLines: { color: line }, horzLines: { color: line } },
      crosshair: { vertLine: { color: edge, labelBackgroundColor: colours.text }, horzLine: { color: edge, labelBackgroundColor: colours.text } },
      rightPriceScale: { borderColor: line },
      timeScale: { borderColor: line },
    });
    candles.applyOptions({ upColor: surface, downColor: down, borderUpColor: up, borderDownColor: down, wickUpColor: up, wickDownColor: down });
    for (const each of lines()) each.series.applyOptions({ color: colours[each.pen.colour] });
    for (const guide of studies.flatMap((study) => study.guides)) guide.applyOptions({ color: edge });
    if (drawn) volume.setData(drawn.t.map((_, i) => pillar(drawn, i)));
    setFills(fills);
    setLast();
    entry?.applyOptions({ color: colours.accent, axisLabelColor: colours.accent, axisLabelTextColor: colours.inverse });
  }

  function setFills(list) {
    fills = list;
    if (!colours) return;
    markers.setMarkers(list.map((fill) => ({
      time: fill.t, position: fill.side === "buy" ? "belowBar" : "aboveBar", shape: fill.side === "buy" ? "arrowUp" : "arrowDown",
      color: fill.side === "buy" ? colours.up : colours.down, text: `${quantity(fill.quantity)}${fill.fills > 1 ? ` ×${fill.fills}` : ""}`,
    })));
  }

  function setEntry(position) {
    if (!position) {
      if (entry) candles.removePriceLine(entry);
      entry = null;
      return;
    }
    const options = { price: position.avg_entry_price, lineStyle: LineStyle.LargeDashed, lineWidth: 1, axisLabelVisible: true, title: "entry", color: colours?.accent, axisLabelColor: colours?.accent, axisLabelTextColor: colours?.inverse };
    if (entry) entry.applyOptions(options);
    else entry = candles.createPriceLine(options);
  }

  return {
    chart, candles, volume, paint, clear, setStudies, recolour, setFills, setEntry,
    get studies() {
      return studies;
    },
    get colours() {
      return colours;
    },
    /** Bars on the page: at least those of the view. */
    get held() {
      return held;
    },
    setGrid(instrument) {
      grid = { tick: instrument?.tick ?? 0.01, decimals: instrument?.decimals ?? 2 };
      const format = { type: "custom", formatter: (price) => number(price, grid.decimals), minMove: grid.tick };
      candles.applyOptions({ priceFormat: format });
      for (const study of studies) if (study.pane === "price") for (const line of study.lines) line.series.applyOptions({ priceFormat: format });
    },
    yOf: (price) => candles.priceToCoordinate(price),
    priceAt: (y) => candles.coordinateToPrice(y),
    xOf: (t) => scale.timeToCoordinate(t),
    /** Where a pane begins, in pixels from above. */
    topOf(place) {
      const heights = chart.panes().slice(0, place).map((pane) => pane.getHeight() + SEPARATOR_PX);
      return heights.reduce((sum, height) => sum + height, 0);
    },
    size: () => ({ width: scale.width(), height: chart.panes()[0].getHeight(), axis: chart.priceScale("right").width(), foot: scale.height() }),
    /** Whether the newest bar is in sight. */
    atNow: () => scale.scrollPosition() > -1,
    toNow: () => scale.scrollToPosition(RIGHT_BARS, false),
    /** Show the newest bars, as many as are well seen. */
    fit() {
      const count = Math.max(FIT_LEAST, Math.min(held + 1, Math.floor(scale.width() / FIT_PX)));
      scale.setVisibleLogicalRange({ from: held - count, to: held - 1 + RIGHT_BARS });
    },
    zoom(factor) {
      const range = scale.getVisibleLogicalRange();
      if (!range) return;
      const half = Math.max(5, ((range.to - range.from) * factor) / 2);
      const end = Math.min(range.to, held - 1 + RIGHT_BARS);
      scale.setVisibleLogicalRange({ from: end - 2 * half, to: end });
    },
    close() {
      chart.remove();
    },
  };
}
