// Does a long list show the rows that are in sight, and does a price stand where it belongs?

import assert from "node:assert/strict";
import { test } from "node:test";

import { corners, covers, placeIn, ROW_PX, scrollFor, windowOf } from "../src/parts/watch-window.js";

test("a short list is looked at as a whole", () => {
  assert.deepEqual(windowOf(0, 400, 12), { from: 0, rows: 60 });
  assert.equal(covers({ from: 0, rows: 60 }, 0, 400, 12), true);
  assert.equal(covers({ from: 0, rows: 40 }, 0, 400, 50), false);
});

test("wherever a long list is scrolled to, what is looked at covers what is in sight, and is bounded", () => {
  for (const height of [0, 30, 400, 3000]) {
    for (let top = 0; top <= 500 * ROW_PX - height; top += 137) {
      const looked = windowOf(top, height, 500);
      assert.ok(looked.rows <= 120 && looked.from >= 0 && looked.from + looked.rows <= 500);
      assert.ok(covers(looked, top, height, 500), `${top} of ${height}`);
    }
  }
});

test("a little scrolling needs no other rows, a lot does", () => {
  const looked = windowOf(3000, 300, 500);
  assert.equal(covers(looked, 3000 + 5 * ROW_PX, 300, 500), true);
  assert.equal(covers(looked, 9000, 300, 500), false);
});

test("a row comes into sight by the shortest way", () => {
  assert.equal(scrollFor(5, 0, 300), 0);
  assert.equal(scrollFor(2, 300, 300), 2 * ROW_PX);
  assert.equal(scrollFor(20, 0, 300), 21 * ROW_PX - 300);
});

test("the last price stands inside its range, and nowhere where there is none", () => {
  assert.equal(placeIn(90, 95, 100), 0.5);
  assert.equal(placeIn(90, 120, 100), 1);
  assert.equal(placeIn(90, 90, 90), 0.5);
  assert.equal(placeIn(null, 95, 100), null);
  assert.equal(placeIn(90, null, 100), null);
});

test("a sparkline runs from edge to edge, the largest price at the top", () => {
  assert.equal(corners([0, 100, 50], 40, 10), "0.0,10.0 20.0,0.0 40.0,5.0");
  assert.equal(corners([50], 40, 10), "0.0,5.0");
});
