// How are numbers told? Always with the same grouping, a true minus, and never by colour alone.

const MINUS = "\u2212";
const formatters = new Map();

function formatter(decimals, least = decimals) {
  const key = `${decimals}/${least}`;
  if (!formatters.has(key)) {
    const options = { minimumFractionDigits: least, maximumFractionDigits: decimals };
    formatters.set(key, new Intl.NumberFormat("en-US", options));
  }
  return formatters.get(key);
}

export const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

/** A number with a fixed number of decimals; "–" for one that is not there. */
export function number(value, decimals = 2) {
  return isNumber(value) ? formatter(decimals).format(value).replace("-", MINUS) : "–";
}

/** The same with its sign always written. */
export function signed(value, decimals = 2) {
  if (!isNumber(value)) return "–";
  const text = formatter(decimals).format(Math.abs(value));
  if (!/[1-9]/.test(text)) return text; // rounded to nothing: no sign
  return `${value > 0 ? "+" : MINUS}${text}`;
}

/** A quantity: as many decimals as it has, at most six. */
export function quantity(value) {
  return isNumber(value) ? formatter(6, 0).format(value).replace("-", MINUS) : "–";
}

/** A size in few letters: 950, 1.2k, 34k, 5.6M. */
export function compact(value) {
  if (!isNumber(value)) return "–";
  const size = Math.abs(value);
  for (const [unit, letter] of [[1e9, "B"], [1e6, "M"], [1e3, "k"]]) {
    const decimals = size < 9.95 * unit ? 1 : 0;
    if (size >= 0.9995 * unit) return `${formatter(decimals, 0).format(value / unit).replace("-", MINUS)}${letter}`;
  }
  return formatter(size < 10 ? 2 : 0, 0).format(value).replace("-", MINUS);
}

export const arrow = (value) => (value > 0 ? "▲" : value < 0 ? "▼" : "=");
export const tone = (value) => (value > 0 ? "up" : value < 0 ? "down" : "flat");
export const plural = (count, word) => `${quantity(count)} ${word}${count === 1 ? "" : "s"}`;
export const words = (text) => String(text ?? "").replaceAll("_", " ");

/** The limit and the stop price in the text of an order: "99.50", "stop 98.00", "99.50, stop 98.00". */
export function orderPrices(text) {
  const read = (pattern) => {
    const found = String(text ?? "").match(pattern);
    return found ? Number(found[1].replaceAll(",", "")) : null;
  };
  return { limit: read(/^([\d,]*\.?\d+)/), stop: read(/stop ([\d,]*\.?\d+)/) };
}

/** How long a bar really is: the shortest time from one to the next, for days have no bars of a minute. */
export function barSeconds(bars) {
  const t = bars?.t ?? [];
  let least = Infinity;
  for (let i = 1; i < t.length; i += 1) least = Math.min(least, t[i] - t[i - 1]);
  return Math.max(bars?.seconds ?? 60, Number.isFinite(least) ? least : 0);
}

const pad = (value) => String(value).padStart(2, "0");
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
export const DAY_S = 86400;

/** Whether seconds count from 1970 (else from midnight of the tape's first day). */
export const isEpoch = (seconds) => seconds > 1e8;

/** "10:31" of a moment in seconds, "10:31:05" where bars are shorter than a minute. */
export function timeOfDay(seconds, withSeconds = false) {
  const s = Math.floor(((seconds % DAY_S) + DAY_S) % DAY_S);
  const text = `${pad(Math.floor(s / 3600))}:${pad(Math.floor(s / 60) % 60)}`;
  return withSeconds ? `${text}:${pad(s % 60)}` : text;
}

/** "12 Mar 2012" of a moment in seconds since 1970, "day 3" of one without a date. */
export function dayOf(seconds) {
  if (!isEpoch(seconds)) return `day ${Math.floor(seconds / DAY_S) + 1}`;
  const date = new Date(seconds * 1000);
  return `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]} ${date.getUTCFullYear()}`;
}

export function monthOf(seconds) {
  if (!isEpoch(seconds)) return dayOf(seconds);
  const date = new Date(seconds * 1000);
  const month = date.getUTCMonth();
  return month === 0 ? String(date.getUTCFullYear()) : MONTHS[month];
}

/** "10 s", "1 min", "1 day". */
export function duration(seconds) {
  for (const [unit, word] of [[DAY_S, "day"], [3600, "h"], [60, "min"]]) {
    if (seconds >= unit) return `${formatter(2, 0).format(seconds / unit)} ${word}${word === "day" && seconds > unit ? "s" : ""}`;
  }
  return `${formatter(2, 0).format(seconds)} s`;
}
