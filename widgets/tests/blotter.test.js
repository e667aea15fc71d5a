// Do the lists say what is shown, does a change hold only what changed, do costs add up, does a table arrive whole?

import assert from "node:assert/strict";
import { test } from "node:test";
import { deflateSync, inflateSync } from "node:zlib";

import { shownText } from "../src/parts/blotter-bar.js";
import { orderName, sortRows } from "../src/parts/blotter-columns.js";
import { changesOf, plainNumber } from "../src/parts/blotter-edit.js";
import { fetchTable } from "../src/parts/blotter-export.js";
import { nextSort } from "../src/parts/blotter-table.js";
import { bpsText, moneyText, queueParts, waterfall, wayDone } from "../src/parts/story-pictures.js";
import { questionOf, statusText } from "../src/parts/story.js";

test("what is shown is told with what is there", () => {
  assert.equal(shownText({ from: 0, shown: 0, matching: 0, total: 0 }), "");
  assert.equal(shownText({ from: 0, shown: 200, matching: 3412, total: 3412 }), "showing 200 of 3,412");
  assert.equal(shownText({ from: 200, shown: 200, matching: 3412, total: 3412 }), "showing 201–400 of 3,412");
  assert.equal(shownText({ from: 0, shown: 3, matching: 3, total: 40 }), "showing 3 of 3 that fit, of 40");
  assert.equal(shownText({ from: 0, shown: 0, matching: 0, total: 40 }), "none of 40 fit");
  assert.equal(shownText({ from: 90, shown: 0, matching: 40, total: 40 }), "past the end of 40");
});

test("a column turns round when it is pressed again", () => {
  assert.equal(nextSort("", "symbol", false), "symbol");
  assert.equal(nextSort("symbol", "symbol", false), "-symbol");
  assert.equal(nextSort("-symbol", "symbol", false), "symbol");
  assert.equal(nextSort("", "quantity", true), "-quantity");
  assert.equal(nextSort("-quantity", "quantity", true), "quantity");
});

test("rows are sorted by size, by letters, with what is missing last", () => {
  const rows = [{ a: 2, b: "x" }, { a: null, b: "ä" }, { a: -3, b: "a" }];
  assert.deepEqual(sortRows(rows, "a").map((row) => row.a), [-3, 2, null]);
  assert.deepEqual(sortRows(rows, "-a").map((row) => row.a), [2, -3, null]);
  assert.deepEqual(sortRows(rows, "b").map((row) => row.b), ["a", "ä", "x"]);
  assert.equal(sortRows(rows, ""), rows);
});

test("an order that never got to the venue goes by its own name", () => {
  assert.equal(orderName({ id: "o7", number: 3 }), "#3");
  assert.equal(orderName({ id: "o7", number: 0 }), "o7");
});

test("only what was changed is sent", () => {
  const before = { quantity: "100", limit_price: "182.5" };
  assert.deepEqual(changesOf(before, { quantity: "100", limit_price: "182.50" }), {});
  assert.deepEqual(changesOf(before, { quantity: "1,000", limit_price: "182.5" }), { quantity: "1000" });
  assert.deepEqual(changesOf(before, { quantity: "", limit_price: " 99.5 " }), { quantity: "", limit_price: "99.5" });
  assert.deepEqual(changesOf(before, { quantity: "abc", limit_price: "182.5" }), { quantity: "abc" });
  assert.equal(plainNumber(1234567.25), "1234567.25");
  assert.equal(plainNumber(null), "");
});

const COSTS = {
  currency: "USD", against: "arrival mid",
  parts: [["spread", 5, 1], ["depth", 3, 0.6], ["impact", 0, 0], ["delay", -10, -2], ["fees", 1, 0.2]].map(([name, money, bps]) => ({ name, money, bps, words: "" })),
  total: { money: -1, bps: -0.2 },
};

test("a waterfall ends where its parts add up, and stays inside", () => {
  const { zero, bars } = waterfall(COSTS);
  const whole = 10; // from -2 to 8
  assert.ok(Math.abs(zero - 2 / whole) < 1e-12);
  const [spread, depth, impact, delay, fees, total] = bars;
  assert.equal(spread.from, zero);
  assert.equal(depth.from, spread.to);
  assert.equal(impact.from, impact.to);
  assert.equal(delay.to, depth.to);
  assert.equal(fees.from, delay.from);
  assert.ok(Math.abs(total.from - fees.to) < 1e-12 && total.to === zero);
  for (const bar of bars) assert.ok(bar.from >= 0 && bar.to <= 1 && bar.from <= bar.to);
});

test("a waterfall of nothing, and one far below zero, can be drawn", () => {
  const none = { ...COSTS, parts: COSTS.parts.map((part) => ({ ...part, money: 0 })), total: { money: 0, bps: 0 } };
  for (const bar of waterfall(none).bars) assert.ok(Number.isFinite(bar.from) && Number.isFinite(bar.to));
  const gain = { ...COSTS, parts: COSTS.parts.map((part) => ({ ...part, money: -4 })), total: { money: -20, bps: null } };
  assert.equal(waterfall(gain).zero, 1);
});

test("money keeps its sign and its small change", () => {
  assert.equal(moneyText(12.5), "+12.50");
  assert.equal(moneyText(-1234567.891), "−1,234,567.89");
  assert.equal(moneyText(0), "0.00");
  assert.equal(moneyText(0.0004), "+0.000400");
  assert.equal(bpsText(null), "");
  assert.equal(bpsText(0.5), "+0.50 bps");
});

test("a queue shrinks from the front, a price comes nearer", () => {
  assert.deepEqual(queueParts({ ahead: 300, first: 500, leaves: 100 }), { gone: 200, ahead: 300, mine: 100 });
  assert.deepEqual(queueParts({ ahead: 300, first: null, leaves: 100 }), { gone: 0, ahead: 300, mine: 100 });
  assert.equal(wayDone({ start: 100, now: 102.5, goal: 110 }), 0.25);
  assert.equal(wayDone({ start: 100, now: 99, goal: 110 }), 0);
  assert.equal(wayDone({ start: 100, now: 90, goal: 90 }), 1);
  assert.equal(wayDone({ start: 5, now: 5, goal: 5 }), 0);
});

test("the coach is asked what the status leaves open", () => {
  assert.match(questionOf({ id: "o1", status: "DENIED" }, { number: 0 }), /order o1 refused/);
  assert.match(questionOf({ id: "o1", status: "ACCEPTED" }, { number: 3 }), /order #3 not fill/);
  assert.match(questionOf({ id: "o1", status: "FILLED" }, { number: 3 }), /#3 cost me/);
  assert.equal(statusText("PARTIALLY_FILLED"), "◐ PARTIALLY FILLED");
});

/** What Python answers: first that it prepares, then the parts. */
function kernel(bytes, size, { preparing = 1, fails = -1 } = {}) {
  const asked = [];
  const part = (n) => ({ kind: "ok", text: "", data: { token: "4", state: "ready", file: "f.csv", rows: 2, parts: Math.ceil(bytes.length / size), part: n, packed: true, text: bytes.subarray(n * size, (n + 1) * size).toString("base64") } });
  let left = preparing;
  return {
    asked,
    ask: async (intent) => {
      asked.push(intent);
      if (asked.length - 1 === fails) return { kind: "error", text: "gone" };
      if (left > 0) {
        left -= 1;
        return { kind: "ok", text: "", data: { token: "4", state: "preparing", file: "f.csv" } };
      }
      return part(intent.part ?? 0);
    },
  };
}

test("a table arrives whole, part by part, with its progress", async () => {
  const text = "a,b\n" + "1,2\n".repeat(900);
  const { ask, asked } = kernel(deflateSync(text, { level: 0 }), 1000, { preparing: 2 });
  const shares = [];
  const found = await fetchTable(ask, "orders", { packed: true, told: (share) => shares.push(share), wait: async () => {} });
  assert.equal(inflateSync(Buffer.concat(found.bytes)).toString(), text);
  assert.deepEqual(asked[0], { intent: "export", table: "orders", packed: true });
  assert.equal(shares.at(-1), 1);
  assert.deepEqual(shares, [...shares].sort((a, b) => a - b));
});

test("a table that does not come says why", async () => {
  const options = { packed: true, wait: async () => {} };
  const { ask } = kernel(deflateSync("a".repeat(50), { level: 0 }), 10, { fails: 3 });
  assert.deepEqual(await fetchTable(ask, "orders", options), { trouble: "gone" });
  assert.match((await fetchTable(async () => null, "orders", options)).trouble, /no answer/);
  const never = async () => ({ kind: "ok", data: { token: "1", state: "preparing" } });
  assert.match((await fetchTable(never, "orders", options)).trouble, /too long/);
});
