// Is only what is new drawn, do prices snap to the grid, and is a chart told in words to who does not see it?

import assert from "node:assert/strict";
import { test } from "node:test";

import { barText, columnsOf, freshFrom, groupsOf, indexOf, snap, studyKeys, studyName, summary } from "../src/parts/chart-math.js";

const bars = (from, closes, more = {}) => ({
  seconds: 60, kept: 99, t: closes.map((_, i) => 60 * (from + i)), o: closes, h: closes, l: closes, c: closes, v: closes.map(() => 1), ...more,
});

test("nothing new, a moved last bar, a new bar: only that is drawn", () => {
  const old = bars(0, [1, 2, 3]);
  assert.equal(freshFrom(old, bars(0, [1, 2, 3])), 3);
  assert.equal(freshFrom(old, bars(0, [1, 2, 4])), 2);
  assert.equal(freshFrom(old, bars(0, [1, 2, 3, 4])), 3);
  assert.equal(freshFrom(old, bars(0, [1, 2, 9, 4, 5])), 2);
});

test("a window that slides keeps what is there", () => {
  assert.equal(freshFrom(bars(0, [1, 2, 3]), bars(1, [2, 3, 4])), 2);
  assert.equal(freshFrom(bars(0, [1, 2, 3]), bars(2, [3, 4, 5])), 1);
  assert.equal(freshFrom(bars(0, [1, 2, 3]), bars(2, [7, 4])), 0, "the last one may have changed");
});

test("another past, length or set of columns is drawn anew", () => {
  const old = bars(5, [1, 2, 3]);
  assert.equal(freshFrom(null, old), -1);
  assert.equal(freshFrom(old, bars(5, [])), -1);
  assert.equal(freshFrom(bars(5, []), old), -1);
  assert.equal(freshFrom(old, bars(5, [1, 2])), -1, "rewound");
  assert.equal(freshFrom(old, bars(5, [1, 9, 3])), -1, "another past");
  assert.equal(freshFrom(old, bars(4, [0, 1, 2, 3])), -1, "older bars came in front");
  assert.equal(freshFrom(old, bars(8, [1, 2, 3])), -1, "nothing in common");
  assert.equal(freshFrom(old, { ...old, seconds: 5 }), -1);
  assert.equal(freshFrom(old, { ...old, "sma:5": [null, 1, 2] }), -1);
  assert.equal(freshFrom({ ...old, "sma:5": [null, 1, 2] }, old), -1);
  assert.equal(freshFrom({ ...old, "sma:5": [null, 1, 2] }, { ...old, "sma:5": [null, 1, 3] }), 2);
  assert.equal(freshFrom({ ...old, "sma:5": [null, 1, 2] }, { ...old, "ema:5": [null, 1, 2] }), -1);
});

test("what freshFrom says is enough to go from one view to any other", () => {
  let seed = 7;
  const luck = (n) => (seed = (seed * 1103515245 + 12345) % 2147483648) % n;
  let drawn = new Map();
  let old = null;
  const past = Array.from({ length: 12 }, () => luck(50));
  for (let round = 0; round < 500; round += 1) {
    const what = luck(10);
    if (what < 5) past[past.length - 1] = luck(50);
    else if (what < 9) past.push(luck(50));
    else past.splice(Math.max(1, past.length - luck(6)));
    const window = 3 + luck(8);
    const from = Math.max(0, past.length - window);
    const next = bars(from, past.slice(from));
    const first = freshFrom(old, next);
    if (first < 0) drawn = new Map();
    for (let i = Math.max(0, first); i < next.t.length; i += 1) drawn.set(next.t[i], next.c[i]);
    next.t.forEach((t, i) => assert.equal(drawn.get(t), next.c[i], `round ${round}, bar ${i}`));
    assert.equal(Math.max(...drawn.keys()), next.t.at(-1));
    old = next;
  }
});

test("where a moment stands", () => {
  assert.equal(indexOf([], 5), -1);
  for (const [t, at] of [[1, 0], [4, 1], [9, 2], [0, -1], [5, -1], [10, -1]]) assert.equal(indexOf([1, 4, 9], t), at);
});

test("prices snap to the grid without crumbs", () => {
  const cent = { tick: 0.01, decimals: 2 };
  assert.equal(snap(63.9149, cent), 63.91);
  assert.equal(snap(63.91, cent, 1), 63.92);
  assert.equal(snap(0.3, { tick: 0.1, decimals: 1 }, -3), 0);
  assert.equal(snap(101.3, { tick: 0.25, decimals: 2 }), 101.25);
  assert.equal(snap(1e12 + 0.004, cent), 1e12);
});

test("labels of the same height stand side by side, and never in more columns than fit", () => {
  assert.deepEqual(columnsOf([10, 100, 200], 22, 3), [0, 0, 0]);
  assert.deepEqual(columnsOf([10, 15, 20], 22, 3), [0, 1, 2]);
  assert.deepEqual(columnsOf([20, 10, 33], 22, 3), [1, 0, 0]);
  assert.ok(columnsOf([1, 2, 3, 4, 5], 22, 2).every((column) => column < 2));
});

test("what is close on the time axis is told together", () => {
  const groups = groupsOf([{ x: 50, n: 1 }, { x: 10, n: 2 }, { x: 18, n: 3 }], 20);
  assert.deepEqual(groups.map((group) => [group.x, group.items.map((item) => item.n)]), [[10, [2, 3]], [50, [1]]]);
});

test("a bar in words", () => {
  const text = barText({ o: 100, h: 101, l: 99, c: 99.5, v: 1234 }, 2);
  assert.deepEqual(text.prices, [["O", "100.00"], ["H", "101.00"], ["L", "99.00"], ["C", "99.50"]]);
  assert.equal(text.change, "−0.50 (−0.50 %)");
  assert.equal(text.volume, "1.2k");
  assert.equal(text.rises, "down");
});

test("the chart in words", () => {
  assert.equal(summary({ symbol: "ACME" }), "ACME: no prices yet.");
  const told = summary({
    symbol: "ACME", bars: bars(0, [3, 1, 2]), instrument: { decimals: 1 }, quote: { last: 2, status: "HALTED" },
    marks: { position: { text: "long 5 at 2.0" }, lines: [{}, {}] },
  });
  assert.equal(told, "ACME, 3 bars of 1 min, last 2.0, between 1.0 and 3.0, long 5 at 2.0, 2 order lines, halted. Left and right read single bars, plus and minus zoom.");
});

test("names and columns of indicators", () => {
  assert.equal(studyName("macd", ["12", "26", "9"]), "macd:12:26:9");
  assert.equal(studyName("vwap", []), "vwap");
  assert.deepEqual(studyKeys({ ...bars(0, [1]), "sma:5": [1], vwap: [1] }), ["sma:5", "vwap"]);
});
