// Which rows of a long list are in sight? Plain sums, apart from the page so that they can be tested.

export const ROW_PX = 30;
export const WHOLE = 60; // a list this short is looked at as a whole
const AROUND = 12; // rows beyond the edges, so that a little scrolling needs no question
const MOST = 120; // rows that are looked at, at most

/** Which rows to look at, for a box of `height` pixels scrolled down by `top`: { from, rows }. */
export function windowOf(top, height, total) {
  if (total <= WHOLE) return { from: 0, rows: WHOLE };
  const inSight = Math.ceil(Math.max(height, ROW_PX) / ROW_PX);
  const rows = Math.min(MOST, inSight + 2 * AROUND);
  const from = Math.max(0, Math.min(Math.floor(top / ROW_PX) - AROUND, total - rows));
  return { from, rows };
}

/** Whether what is looked at covers what is in sight. */
export function covers(looked, top, height, total) {
  if (total <= WHOLE) return looked.from === 0 && looked.rows >= total;
  const first = Math.floor(top / ROW_PX);
  const last = Math.min(total, Math.ceil((top + height) / ROW_PX));
  return looked.from <= first && looked.from + looked.rows >= last;
}

/** Where the list has to be scrolled to for row `n` to be in sight. */
export function scrollFor(n, top, height) {
  if (n * ROW_PX < top) return n * ROW_PX;
  if ((n + 1) * ROW_PX > top + height) return (n + 1) * ROW_PX - height;
  return top;
}

/** Where `last` lies between low and high, from 0 to 1; `null` where there is no range. */
export function placeIn(low, last, high) {
  if (![low, last, high].every(Number.isFinite) || high < low) return null;
  return high === low ? 0.5 : Math.min(1, Math.max(0, (last - low) / (high - low)));
}

/** A sparkline's corners for a box of width x height, from a shape of 0 to 100. */
export function corners(points, width, height) {
  const step = points.length > 1 ? width / (points.length - 1) : 0;
  return points.map((y, at) => `${(at * step).toFixed(1)},${(height - (y / 100) * height).toFixed(1)}`).join(" ");
}
