// What of a chart can be worked out without drawing it? Which bars are new, where a price snaps, what a reader is told.

import { compact, duration, isNumber, number, plural, signed } from "../format.js";

/** Columns of a view of bars that are no column of an indicator. */
const OWN = new Set(["seconds", "kept", "t", "o", "h", "l", "c", "v"]);

/** Keys of the indicator columns of a view of bars, in order. */
export const studyKeys = (bars) => Object.keys(bars ?? {}).filter((name) => !OWN.has(name));

/** Where a moment stands in rising times; -1 where it does not. */
export function indexOf(times, t) {
  let low = 0;
  let high = times.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    if (times[middle] === t) return middle;
    if (times[middle] < t) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}

/**
 * The first bar of `next` that has to be drawn where `old` is on the page; -1 where everything has to be drawn anew:
 * more than the last bar of before changed, other columns, another past.
 */
export function freshFrom(old, next) {
  if (!old?.t.length || !next.t.length || old.seconds !== next.seconds) return -1;
  const columns = ["o", "h", "l", "c", "v", ...studyKeys(next)];
  if (columns.length !== 5 + studyKeys(old).length || columns.some((name) => !old[name])) return -1;
  const shift = indexOf(old.t, next.t[0]);
  if (shift < 0 || next.t.length < old.t.length - shift) return -1;
  const same = (i) => next.t[i] === old.t[shift + i] && columns.every((name) => next[name][i] === old[name][shift + i]);
  const last = old.t.length - shift - 1; // the only old bar that may change
  for (let i = 0; i < last; i += 1) if (!same(i)) return -1;
  if (next.t[last] !== old.t.at(-1)) return -1;
  return same(last) ? last + 1 : last;
}

/** A price on the grid, `ticks` further. */
export function snap(price, { tick = 0.01, decimals = 2 } = {}, ticks = 0) {
  return Number(((Math.round(price / tick) + ticks) * tick).toFixed(decimals));
}

/** In which column a label goes so that none covers another: one number for each height, 0 where there is room. */
export function columnsOf(heights, gap, most) {
  const order = heights.map((y, i) => [y, i]).sort((a, b) => a[0] - b[0]);
  const ends = []; // by column: where its lowest label stands
  const found = new Array(heights.length).fill(0);
  for (const [y, i] of order) {
    let column = ends.findIndex((end) => y - end >= gap);
    if (column < 0) column = ends.length < most ? ends.length : ends.indexOf(Math.min(...ends));
    ends[column] = y;
    found[i] = column;
  }
  return found;
}

/** Things on the time axis that would cover one another, as groups: [{ x, items }], from left to right. */
export function groupsOf(items, gap) {
  const groups = [];
  for (const item of [...items].sort((a, b) => a.x - b.x)) {
    const before = groups.at(-1);
    if (before && item.x - before.x < gap) before.items.push(item);
    else groups.push({ x: item.x, items: [item] });
  }
  return groups;
}

/** What stands in a bar, in words and numbers. */
export function barText({ o, h, l, c, v }, decimals) {
  const change = c - o;
  return {
    prices: [["O", number(o, decimals)], ["H", number(h, decimals)], ["L", number(l, decimals)], ["C", number(c, decimals)]],
    change: `${signed(change, decimals)} (${signed(o ? (100 * change) / o : 0, 2)} %)`,
    volume: compact(v),
    rises: change > 0 ? "up" : change < 0 ? "down" : "flat",
  };
}

/** What the chart shows, for somebody who does not see it. */
export function summary({ symbol, bars, instrument, quote, marks }) {
  const count = bars?.t?.length ?? 0;
  if (!count) return `${symbol ?? ""}: no prices yet.`;
  const decimals = instrument?.decimals ?? 2;
  const last = isNumber(quote?.last) ? quote.last : bars.c[count - 1];
  const parts = [
    `${symbol}, ${plural(count, "bar")} of ${duration(bars.seconds)}`,
    `last ${number(last, decimals)}`,
    `between ${number(Math.min(...bars.l), decimals)} and ${number(Math.max(...bars.h), decimals)}`,
  ];
  if (marks?.position) parts.push(marks.position.text);
  if (marks?.lines?.length) parts.push(plural(marks.lines.length, "order line"));
  if (quote?.status === "HALTED") parts.push("halted");
  return `${parts.join(", ")}. Left and right read single bars, plus and minus zoom.`;
}

/** The name of an indicator with these parameters. */
export const studyName = (family, values) => [family, ...values].join(":");
