// How did the value get here? A line with its high-water mark, the space between them shaded, and a readout of any moment.

import { dayOf, isEpoch, number, signed, timeOfDay } from "../format.js";
import { h, setAttr, setText } from "../dom.js";
import { stripes, svg } from "./account-svg.js";

const [WIDTH, HEIGHT] = [1000, 240];
const NIGHT_S = 4 * 3600;
const NOTHING = "The value has not moved yet. With the first fill its path is drawn here, with every fall below the highest value so far shaded.";

/** Places from 0 to 1 of moments in seconds; a pause of hours (a night, a weekend) is drawn no wider than an hour or so. */
export function places(t) {
  const steps = t.slice(1).map((now, at) => now - t[at]);
  const common = [...steps].sort((a, b) => a - b)[Math.floor(0.95 * Math.max(0, steps.length - 1))] ?? 0;
  const most = Math.max(3600, 5 * common);
  let at = 0;
  const sums = [0, ...steps.map((step) => (at += step > NIGHT_S ? Math.min(step, most) : step))];
  return at > 0 ? sums.map((sum) => sum / at) : sums;
}

/** Lowest and highest of what is drawn, with some air; never empty. */
export function range(columns) {
  const values = columns.flat().filter((value) => Number.isFinite(value));
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const air = 0.06 * (high - low) || Math.max(1, Math.abs(high) * 0.001);
  return [low - air, high + air];
}

/** The place nearest to `x` among rising places. */
export function nearest(list, x) {
  let [low, high] = [0, list.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (list[middle] > x) high = middle;
    else low = middle;
  }
  return x - list[low] <= list[high] - x ? low : high;
}

export function createEquity(ctx) {
  const id = ctx.id("fall");
  const fall = svg("path", { class: "vt-equity-fall" });
  const fallLines = svg("path", { fill: `url(#${id})` });
  const paid = svg("line", { class: "vt-equity-paid", x1: 0, x2: WIDTH });
  const high = svg("path", { class: "vt-equity-high" });
  const line = svg("path", { class: "vt-equity-line" });
  const cross = svg("line", { class: "vt-equity-cross", y1: 0, y2: HEIGHT, visibility: "hidden" });
  const drawing = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" }, svg("defs", {}, stripes(id, "fall")), fall, fallLines, paid, high, line, cross);
  const dot = h("div", { class: "vt-equity-dot", hidden: true });
  const [top, bottom, first, last] = ["vt-equity-top", "vt-equity-bottom", "vt-equity-first", "vt-equity-last"].map((name) => h("span", { class: `vt-sub ${name}` }));
  const plot = h("div", { class: "vt-equity-plot", role: "slider", tabindex: "0", "aria-label": "Equity curve: moment", "aria-orientation": "horizontal", "aria-valuemin": "0" }, drawing, dot, top, bottom);
  const readout = h("p", { class: "vt-equity-readout" });
  const deepest = h("span", { class: "vt-sub" });
  const empty = h("p", { class: "vt-empty" }, NOTHING);
  const box = h("div", { class: "vt-equity-box" }, readout, plot, h("div", { class: "vt-equity-axis" }, first, last),
    h("ul", { class: "vt-equity-keys", "aria-hidden": "true" }, h("li", { class: "vt-equity-key-line" }, "NAV"), h("li", { class: "vt-equity-key-high" }, "high-water mark"), h("li", { class: "vt-equity-key-fall" }, "drawdown"), h("li", { class: "vt-equity-key-paid" }, "paid in")));
  const node = h("section", { class: "vt-card vt-equity", "aria-label": "Equity curve" }, h("header", { class: "vt-account-head" }, h("h3", {}, "Equity"), deepest), empty, box);

  let data = { t: [] };
  let spots = [];
  let span = [0, 1];
  let chosen = null; // which moment is read; null: the newest

  const y = (value) => HEIGHT * (1 - (value - span[0]) / (span[1] - span[0]));
  const trace = (values) => values.map((value, at) => `${at ? "L" : "M"}${(WIDTH * spots[at]).toFixed(1)} ${y(value).toFixed(1)}`).join("");
  const moment = (seconds) => (isEpoch(seconds) && data.t.at(-1) - data.t[0] > 86400 ? `${dayOf(seconds)} ${timeOfDay(seconds)}` : timeOfDay(seconds, true));

  function sentence(at) {
    const depth = data.drawdown[at];
    const below = depth === null ? "" : depth < 0 ? ` · ${number(-100 * depth, 2)} % below the high` : " · at the high-water mark";
    return `${moment(data.t[at])} · NAV ${number(data.nav[at])} ${data.currency}${below}`;
  }

  function read(at) {
    chosen = at;
    const shown = at ?? data.t.length - 1;
    const text = sentence(shown);
    setText(readout, text);
    setAttr(plot, "aria-valuenow", shown);
    setAttr(plot, "aria-valuetext", text);
    dot.hidden = false;
    dot.style.left = `${(100 * spots[shown]).toFixed(2)}%`;
    dot.style.top = `${((100 * y(data.nav[shown])) / HEIGHT).toFixed(2)}%`;
    setAttr(cross, "visibility", at === null ? "hidden" : "visible");
    for (const end of ["x1", "x2"]) setAttr(cross, end, (WIDTH * spots[shown]).toFixed(1));
  }

  plot.addEventListener("pointermove", (event) => {
    const { left, width } = plot.getBoundingClientRect();
    if (data.t.length) read(nearest(spots, (event.clientX - left) / width));
  });
  plot.addEventListener("pointerleave", () => data.t.length && read(null));
  plot.addEventListener("keydown", (event) => {
    const end = data.t.length - 1;
    const at = chosen ?? end;
    const page = Math.max(1, Math.round(end / 10));
    const to = { ArrowLeft: at - 1, ArrowDown: at - 1, ArrowRight: at + 1, ArrowUp: at + 1, PageDown: at - page, PageUp: at + page, Home: 0, End: end, Escape: null }[event.key];
    if (to === undefined || end < 0) return;
    event.preventDefault();
    read(to === null ? null : Math.min(end, Math.max(0, to)));
  });

  return {
    node,
    paint(equity) {
      const drawn = equity.t.length > 1 && equity.traded;
      empty.hidden = Boolean(drawn);
      box.hidden = !drawn;
      setText(deepest, drawn && equity.max_drawdown !== null ? `deepest drawdown ${equity.max_drawdown < 0 ? `${signed(100 * equity.max_drawdown, 2)} %` : "none"}` : "");
      if (!drawn) {
        data = { t: [] };
        return;
      }
      data = equity;
      spots = places(data.t);
      const highs = data.high.map((value, at) => value ?? data.nav[at]);
      span = range([data.nav, highs, [data.deposits]]);
      setAttr(line, "d", trace(data.nav));
      setAttr(high, "d", trace(highs));
      const area = `${trace(highs)}${data.nav.map((value, at) => `L${(WIDTH * spots[at]).toFixed(1)} ${y(value).toFixed(1)}`).reverse().join("")}Z`;
      for (const shape of [fall, fallLines]) setAttr(shape, "d", area);
      for (const end of ["y1", "y2"]) setAttr(paid, end, y(data.deposits).toFixed(1));
      setText(top, number(span[1], 0));
      setText(bottom, number(span[0], 0));
      setText(first, moment(data.t[0]));
      setText(last, moment(data.t.at(-1)));
      setAttr(plot, "aria-valuemax", data.t.length - 1);
      read(chosen === null ? null : Math.min(chosen, data.t.length - 1));
    },
  };
}
