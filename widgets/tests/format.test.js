// Are numbers and times told the same way everywhere, also the absurd ones?

import assert from "node:assert/strict";
import { test } from "node:test";

import * as format from "../src/format.js";

function table(name, told, rows) {
  for (const [input, expected] of rows) {
    test(`${name}: ${JSON.stringify(input)} is told as ${expected}`, () => {
      assert.equal(told(...[input].flat()), expected);
    });
  }
}

table("number", format.number, [
  [0, "0.00"],
  [1234567.891, "1,234,567.89"],
  [-5, "−5.00"],
  [[2.5, 0], "3"],
  [null, "–"],
  [NaN, "–"],
  ["7", "–"],
  [-Infinity, "–"],
]);

table("signed", format.signed, [
  [12.3, "+12.30"],
  [-12.3, "−12.30"],
  [-0.001, "0.00"],
  [0, "0.00"],
  [undefined, "–"],
]);

table("quantity", format.quantity, [
  [100, "100"],
  [0.000001, "0.000001"],
  [-1500.25, "−1,500.25"],
]);

table("compact", format.compact, [
  [950, "950"],
  [1200, "1.2k"],
  [34000, "34k"],
  [5.6e6, "5.6M"],
  [7e9, "7B"],
  [0.25, "0.25"],
  [999.4, "999"],
  [999.7, "1k"],
  [999_400, "999k"],
  [999_999, "1M"],
  [9_960, "10k"],
  [-50.5, "−51"],
  [-1200, "−1.2k"],
]);

table("orderPrices", (text) => JSON.stringify(format.orderPrices(text)), [
  ["99.50", '{"limit":99.5,"stop":null}'],
  ["stop 98.00", '{"limit":null,"stop":98}'],
  ["1,099.50, stop 98.00", '{"limit":1099.5,"stop":98}'],
  ["market", '{"limit":null,"stop":null}'],
]);

table("timeOfDay", format.timeOfDay, [
  [37860, "10:31"],
  [[37865, true], "10:31:05"],
  [86400 + 60, "00:01"],
  [-60, "23:59"],
]);

table("dayOf", format.dayOf, [
  [90000, "day 2"],
  [1331510400, "12 Mar 2012"],
]);

table("duration", format.duration, [
  [10, "10 s"],
  [60, "1 min"],
  [5400, "1.5 h"],
  [86400, "1 day"],
  [172800, "2 days"],
]);

test("a bar is as long as the shortest step, and never shorter than it says", () => {
  assert.equal(format.barSeconds({ seconds: 60, t: [0, 86400, 259200] }), 86400);
  assert.equal(format.barSeconds({ seconds: 60, t: [0, 10] }), 60);
  assert.equal(format.barSeconds({ seconds: 5, t: [7] }), 5);
  assert.equal(format.barSeconds(null), 60);
});
