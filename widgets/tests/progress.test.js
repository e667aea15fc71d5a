import assert from "node:assert/strict";
import { test } from "node:test";
import { awardNews } from "../src/parts/progress-awards.js";
import { levelShare } from "../src/parts/progress.js";
import { moveText, ordinal, spanPlaces, withGaps } from "../src/parts/progress-standings.js";

const PAPER = ["first_plan", "On paper"];
const CURIOUS = ["curious", "Curious"];

test("the first look ever tells of nothing and remembers what is there", () => {
  assert.deepEqual(awardNews(null, [PAPER], true), { told: [], remember: ["first_plan"] });
});

test("a badge is told once, and not again after a reload", () => {
  const { told, remember } = awardNews([], [PAPER], false);
  assert.deepEqual(told, [PAPER]);
  assert.deepEqual(awardNews(remember, [PAPER], false).told, []);
  assert.deepEqual(awardNews(remember, [PAPER], true).told, []);
});

test("what was earned while nobody looked is told at the next look", () => {
  assert.deepEqual(awardNews(["first_plan"], [PAPER, CURIOUS], true), { told: [CURIOUS], remember: ["first_plan", "curious"] });
});

test("a rewind makes nothing be told twice, a new desk begins anew", () => {
  const rewound = awardNews(["first_plan"], [], false);
  assert.deepEqual(rewound, { told: [], remember: ["first_plan"] });
  assert.deepEqual(awardNews(rewound.remember, [PAPER], false).told, []);
  const anew = awardNews(["first_plan"], [], true);
  assert.deepEqual(anew.remember, []);
  assert.deepEqual(awardNews(anew.remember, [PAPER], false).told, [PAPER]);
});

test("the way to the next level", () => {
  assert.equal(levelShare({ xp: 175, level_xp: 100, next_level_xp: 250 }), 50);
  assert.equal(levelShare({ xp: 9000, level_xp: 7500, next_level_xp: null }), 100);
});

test("movement has an arrow and a number", () => {
  assert.deepEqual([3, -2, 0, null].map(moveText), ["▲ 3", "▼ 2", "=", "–"]);
});

test("ordinals", () => {
  assert.deepEqual([1, 2, 3, 4, 11, 12, 13, 21, 100, 0].map(ordinal), ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "100th", "0th"]);
});

test("rows that are left out show as one", () => {
  const rows = withGaps([{ name: "a", gap: false }, { name: "z", gap: true }]);
  assert.deepEqual(rows.map(({ key }) => key), ["a", "gap", "z"]);
});

test("a span is drawn on a scale with the scores shown", () => {
  const at = spanPlaces({ low: 90, high: 110, me: { score: 100 } }, [{ score: 140, me: false }, { score: 100, me: true }, { score: 40, me: false }]);
  assert.deepEqual([at.low, at.score, at.high, at.others].map((x) => (Array.isArray(x) ? x.map(Math.round) : Math.round(x))), [50, 59, 68, [96, 4]]);
  assert.equal(spanPlaces({ low: null, high: null, me: { score: 1 } }, []), null);
  assert.equal(spanPlaces({ low: 5, high: 5, me: { score: 5 } }, []).score, 50);
});
