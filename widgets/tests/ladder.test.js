// Which prices stand on the ladder, where do own orders stand, and how are prints told?

import assert from "node:assert/strict";
import { test } from "node:test";

import { HALF, chipsOf, crosses, isSparse, largest, middle, priceOf, sparseRows, tightRows } from "../src/parts/ladder-rows.js";
import { clockOf, newer, rowsOf } from "../src/parts/prints.js";

const tight = { bid: 100, ask: 102, last: 101, bids: [[100, 5], [99, 7]], asks: [[102, 3], [103, 9]] };
const wide = { bid: 22350, ask: 22370, last: 22367, bids: [[22350, 94], [22349, 61], [22323, 50], [22200, 4]], asks: [[22370, 99], [22400, 10], [22480, 8]] };

const told = (rows) => rows.map((row) => (row.gap ? `(${row.gap})` : String(row.ticks))).join(" ");

test("the middle of the market is between the best prices, or what there is of them", () => {
  assert.equal(middle(tight), 101);
  assert.equal(middle({ bid: 100, bids: [], asks: [] }), 100);
  assert.equal(middle({ ask: 7 }), 7);
  assert.equal(middle({ bid: null, ask: null, last: 55 }), 55);
  assert.equal(middle({ orders: [{ ticks: 9 }] }), 9);
  assert.equal(middle({}), null);
});

test("a tight book stands tick by tick, never below one tick", () => {
  assert.equal(isSparse(tight), false);
  const rows = tightRows(500);
  assert.equal(rows.length, 2 * HALF + 1);
  assert.deepEqual([rows[0].ticks, rows.at(-1).ticks], [500 + HALF, 500 - HALF]);
  assert.equal(tightRows(3).at(-1).ticks, 1);
});

test("a sparse book folds empty prices together and loses none", () => {
  assert.equal(isSparse(wide), true);
  const rows = sparseRows(wide);
  const prices = rows.flatMap((row) => (row.gap ? Array.from({ length: row.gap }, (_, i) => row.above - i) : [row.ticks]));
  assert.equal(new Set(prices).size, prices.length);
  assert.deepEqual(prices, Array.from({ length: 22480 - 22200 + 1 }, (_, i) => 22480 - i));
  for (const ticks of [22350, 22351, 22360, 22367, 22369, 22370, 22200]) assert.ok(rows.some((row) => row.ticks === ticks), String(ticks));
  assert.ok(rows.length < 30);
});

test("one empty price is no gap, and own orders have a rung", () => {
  assert.equal(told(sparseRows({ bids: [[10, 1]], asks: [[12, 1]] })), "12 11 10");
  assert.equal(told(sparseRows({ bids: [[10, 1]], orders: [{ ticks: 4 }] })), "10 (5) 4");
  assert.equal(told(sparseRows({})), "");
});

test("own orders of one side and price stand together", () => {
  const order = (id, side, ticks, quantity) => ({ id, side, ticks, quantity });
  const chips = chipsOf([order("a", "buy", 10, 5), order("b", "buy", 10, 7), order("c", "sell", 10, 1)]);
  assert.deepEqual([...chips.keys()], ["buy 10", "sell 10"]);
  assert.equal(chips.get("buy 10").quantity, 12);
  assert.deepEqual(chips.get("buy 10").orders.map((each) => each.id), ["a", "b"]);
});

test("what meets the other side is known before it is sent", () => {
  assert.deepEqual([crosses(tight, "buy", 101), crosses(tight, "buy", 102), crosses(tight, "sell", 100), crosses(tight, "sell", 101)], [false, true, true, false]);
  assert.equal(crosses({ bid: null, ask: null }, "buy", 5), false);
});

test("prices have no dust, sizes a largest one", () => {
  assert.equal(priceOf({ tick: 0.01, decimals: 2 }, 18231), 182.31);
  assert.equal(priceOf({ tick: 0.00000001, decimals: 8 }, 3), 0.00000003);
  assert.equal(largest(tight), 9);
  assert.equal(largest({}), 0);
});

test("prints are told newest first, with own fills, and bounded", () => {
  const n = Array.from({ length: 90 }, (_, i) => i + 1);
  const section = { symbol: "A", n: [...n, 90.001], t: [...n, 90], px: [...n, 4], qty: [...n, null], side: [...n.map(() => 1), -1], own: [...n.map(() => 0), 1] };
  const rows = rowsOf(section);
  assert.equal(rows.length, 60);
  assert.deepEqual(rows[0], { key: "A 90.001", t: 90, px: 4, qty: null, side: -1, own: true });
  assert.equal(rows[1].key, "A 90");
  assert.equal(newer(rows, "A 88"), 3);
  assert.equal(newer(rows, "A 2"), 60);
  assert.deepEqual(rowsOf(undefined), []);
});

test("a moment is told to the millisecond", () => {
  assert.equal(clockOf(34200.0007), "09:30:00.001");
  assert.equal(clockOf(1723161325.0879), "23:55:25.088");
});
