import assert from "node:assert/strict";
import { test } from "node:test";
import { nearest, places, range } from "../src/parts/account-equity.js";
import { widths } from "../src/parts/account-margin.js";
import { ringPath, segments, treemap } from "../src/parts/account-svg.js";

test("a group that is long and short gives two segments, one without a position none", () => {
  const rows = [{ group: "Tools", long: 5, short: -3 }, { group: "Cash", long: 0, short: 0 }, { group: "Food", long: 0, short: -1 }];
  assert.deepEqual(segments(rows).map(({ group, side, value }) => [group, side, value]), [["Tools", "long", 5], ["Tools", "short", 3], ["Food", "short", 1]]);
});

test("the areas of a map are as the values, fill it, and do not overlap", () => {
  for (const values of [[1], [3, 1], [6, 6, 4, 3, 2, 2, 1], [1e12, 1, 1], [1, 1, 1, 1, 1]]) {
    const items = values.map((value, at) => ({ key: at, value }));
    const placed = treemap(items, 320, 180);
    const total = values.reduce((a, b) => a + b);
    assert.equal(placed.length, values.length);
    for (const { item, x, y, w, h } of placed) {
      assert.ok(Math.abs(w * h - (item.value / total) * 320 * 180) < 1e-6);
      assert.ok(x >= -1e-9 && y >= -1e-9 && x + w <= 320 + 1e-6 && y + h <= 180 + 1e-6);
    }
    for (const [at, a] of placed.entries()) {
      for (const b of placed.slice(at + 1)) {
        const wide = Math.min(a.x + a.w, b.x + b.w) - Math.max(a.x, b.x);
        const tall = Math.min(a.y + a.h, b.y + b.h) - Math.max(a.y, b.y);
        assert.ok(wide < 1e-6 || tall < 1e-6);
      }
    }
  }
  assert.deepEqual(treemap([], 10, 10), []);
  assert.deepEqual(treemap([{ value: 0 }], 10, 10), []);
});

test("equal shares make no slivers", () => {
  for (const { w, h } of treemap(Array.from({ length: 6 }, (_, key) => ({ key, value: 1 })), 320, 180)) assert.ok(Math.max(w / h, h / w) < 2.5);
});

test("a piece of a ring begins above and goes clockwise; a whole one is drawn at all", () => {
  assert.match(ringPath(0, 0.25), /^M0.00 -100.00A100 100 0 0 1 100.00 /);
  assert.match(ringPath(0, 0.75), /A100 100 0 1 1 /);
  assert.equal(ringPath(0, 1).match(/M/g).length, 2);
});

test("the parts of the margin bar never leave it", () => {
  assert.deepEqual(widths({ equity: 100, used: 40, reserved: 10, available: 50, maintenance: 25 }), { used: 40, reserved: 10, available: 50, keep: 25 });
  assert.deepEqual(widths({ equity: 100, used: 130, reserved: 10, available: -40, maintenance: 110 }), { used: 100, reserved: 0, available: 0, keep: 100 });
  assert.deepEqual(widths({ equity: 0, used: 0, reserved: 0, available: 0, maintenance: 0 }), { used: 0, reserved: 0, available: 0, keep: 0 });
  assert.deepEqual(widths({ equity: -5, used: 1, reserved: 0, available: -6, maintenance: 2 }), { used: 0, reserved: 0, available: 0, keep: 0 });
});

test("a night is drawn narrow, the rest as wide as it took", () => {
  assert.deepEqual(places([0, 10, 30, 40]), [0, 0.25, 0.75, 1]);
  const day = (start) => Array.from({ length: 79 }, (_, at) => start + at * 300);
  const spots = places([...day(34200), ...day(34200 + 86400)]);
  const night = spots[79] - spots[78];
  assert.ok(night > 0 && night < 0.1);
  assert.deepEqual(places([5]), [0]);
});

test("what is drawn has some air, also where nothing moved", () => {
  assert.deepEqual(range([[0, 100], [50]]), [-6, 106]);
  const [low, high] = range([[7, 7]]);
  assert.ok(low < 7 && high > 7);
});

test("the nearest moment", () => {
  assert.deepEqual([-1, 0.1, 0.4, 0.6, 9].map((x) => nearest([0, 0.5, 1], x)), [0, 0, 1, 1, 2]);
  assert.equal(nearest([0], 0.7), 0);
});
