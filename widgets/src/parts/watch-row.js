// How does an instrument look in a row? Built once, then only texts and attributes change.

import { arrow, compact, isNumber, number, signed, tone } from "../format.js";
import { h, setAttr, setText } from "../dom.js";
import { corners, placeIn } from "./watch-window.js";

const SVG = "http://www.w3.org/2000/svg";
const SPARK = { width: 72, height: 18, base: 9 };
const STATUS = { HALTED: ["◆", "halted"], CLOSED: ["○", "closed"], AUCTION: ["◇", "auction"], DELISTED: ["✕", "delisted"] };
const HUGE = 1e8; // prices from here on are written short; the whole number stands in the title

/** Columns in order. `sort`: what they are sorted by; `down`: largest first; `less`: how little room hides them (1 first). */
export const COLUMNS = [
  { name: "star", head: "In list" },
  { name: "symbol", head: "Symbol", sort: "symbol" },
  { name: "sector", head: "Sector", sort: "sector", less: 1 },
  { name: "spark", head: "Trend", less: 6 },
  { name: "last", head: "Last", sort: "last", num: true, down: true },
  { name: "change", head: "Change", sort: "change", num: true, down: true, less: 4 },
  { name: "percent", head: "%", sort: "change_pct", num: true, down: true },
  { name: "bid", head: "Bid", num: true, less: 2 },
  { name: "ask", head: "Ask", num: true, less: 2 },
  { name: "spread", head: "Spread", sort: "spread_bps", num: true, less: 3 },
  { name: "volume", head: "Volume", sort: "volume", num: true, down: true, less: 4 },
  { name: "range", head: "Session range", less: 5 },
  { name: "year", head: "52 weeks", less: 1 },
];

/** A price, short where it is huge. */
const price = (value, decimals) => (isNumber(value) && Math.abs(value) >= HUGE ? compact(value) : number(value, decimals));

function svg(tag, props) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(props)) node.setAttribute(name, value);
  return node;
}

function sparkline() {
  const line = svg("polyline", { class: "vt-spark-line" });
  const base = svg("line", { class: "vt-spark-base", x1: 0, x2: SPARK.width });
  const node = svg("svg", { class: "vt-spark", viewBox: `0 -1 ${SPARK.width} ${SPARK.height + 2}`, "aria-hidden": "true", focusable: "false" });
  node.append(base, line);
  return {
    node,
    paint(spark) {
      const y = SPARK.height - ((spark?.base ?? 50) / 100) * SPARK.height;
      for (const side of ["y1", "y2"]) setAttr(base, side, y.toFixed(1));
      setAttr(line, "points", spark && spark.points.length > 1 ? corners(spark.points, SPARK.width, SPARK.height) : "");
      const last = spark?.points.at(-1) ?? 0;
      setAttr(node, "data-tone", tone(last - (spark?.base ?? last)));
    },
  };
}

/** A line from low to high with a mark where the last price is. */
function range(of) {
  const mark = h("i", { class: "vt-range-mark" });
  const low = h("span", { class: "vt-range-low" });
  const high = h("span", { class: "vt-range-high" });
  const node = h("span", { class: "vt-range", role: "img" }, low, h("span", { class: "vt-range-line" }, mark), high);
  return {
    node,
    paint(least, last, most, decimals) {
      const at = placeIn(least, last, most);
      node.hidden = at === null;
      if (at === null) return;
      mark.style.insetInlineStart = `${(100 * at).toFixed(1)}%`;
      setText(low, price(least, decimals));
      setText(high, price(most, decimals));
      const text = `${of}: low ${number(least, decimals)}, last ${number(last, decimals)}, high ${number(most, decimals)}`;
      setAttr(node, "aria-label", text);
      setAttr(node, "title", text);
    },
  };
}

/** A row. act: { star(row), show(row), select(row) } */
export function createRow(act) {
  let row = {};
  let beat = 0;
  const star = h("button", { type: "button", class: "vt-star", tabindex: "-1", on: { click: (event) => { event.stopPropagation(); act.star(row); } } });
  const symbol = h("b", { class: "vt-watch-ticker" });
  const sign = h("span", { "aria-hidden": "true" });
  const word = h("span", { class: "vt-watch-word" });
  const status = h("span", { class: "vt-watch-status" }, sign, word);
  const name = h("span", { class: "vt-sub vt-watch-name" });
  const spark = sparkline();
  const session = range("session");
  const year = range("52 weeks");
  const cells = Object.fromEntries(COLUMNS.map((column) => [column.name, h("td", { role: "gridcell", class: [`vt-watch-${column.name}`, column.num && "vt-num", column.less && `vt-less-${column.less}`].filter(Boolean).join(" ") })]));
  cells.star.append(star);
  cells.symbol.append(h("span", { class: "vt-watch-who" }, symbol, status, name));
  cells.spark.append(spark.node);
  cells.range.append(session.node);
  cells.year.append(year.node);
  const node = h("tr", { role: "row", tabindex: "-1", class: "vt-watch-row", on: { click: () => act.show(row), focusin: () => act.select(row) } }, ...Object.values(cells));

  return {
    node,
    star,
    get row() {
      return row;
    },
    paintSpark: spark.paint,
    paint(next, { list, first }) {
      const before = row;
      row = next;
      const { decimals } = row;
      setAttr(node, "data-symbol", row.symbol);
      setAttr(node, "aria-rowindex", row.n + 2);
      setText(symbol, row.symbol);
      setText(name, [row.was && `formerly ${row.was}`, row.name !== row.symbol && row.name].filter(Boolean).join(" · "));
      setAttr(cells.symbol, "title", [row.symbol, row.name, row.sector, row.was && `formerly ${row.was}`].filter(Boolean).join(" · "));
      const [shape, text] = STATUS[row.status] ?? ["", ""];
      setText(sign, shape);
      setText(word, text && ` ${text}`);
      setAttr(status, "title", text || null);
      status.hidden = !text;
      setText(star, row.starred ? "★" : "☆");
      setAttr(star, "aria-pressed", String(row.starred));
      setAttr(star, "aria-label", `${row.symbol} in ${list}`);
      setAttr(star, "title", row.starred ? `Take ${row.symbol} out of ${list}` : `Put ${row.symbol} into ${list}`);
      setText(cells.sector, row.sector);
      setText(cells.last, price(row.last, decimals));
      setAttr(cells.last, "title", number(row.last, decimals));
      const huge = isNumber(row.change) && Math.abs(row.change) >= HUGE / 100;
      setText(cells.change, isNumber(row.change) ? `${arrow(row.change)} ${huge ? compact(row.change).replace("-", "−") : signed(row.change, decimals)}` : "–");
      setAttr(cells.change, "title", signed(row.change, decimals));
      setText(cells.percent, signed(row.change_pct));
      setAttr(cells.change, "data-tone", tone(row.change ?? 0));
      setAttr(cells.percent, "data-tone", tone(row.change_pct ?? 0));
      setText(cells.bid, price(row.bid, decimals));
      setText(cells.ask, price(row.ask, decimals));
      setText(cells.spread, isNumber(row.spread) ? `${number(row.spread, decimals)} · ${number(row.spread_bps, 1)} bp` : "–");
      setText(cells.volume, compact(row.volume));
      setAttr(cells.volume, "title", number(row.volume, 0));
      session.paint(row.low, row.last, row.high, decimals);
      year.paint(row.year_low, row.last, row.year_high, decimals);
      if (!first && before.symbol === row.symbol && before.last !== row.last && isNumber(before.last) && isNumber(row.last)) {
        beat = 1 - beat; // two names of one animation: it starts again without a layout
        setAttr(cells.last, "data-beat", `${row.last > before.last ? "up" : "down"}${beat}`);
      }
    },
  };
}
