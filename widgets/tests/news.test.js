// Is everybody told once, and only of what is new?

import assert from "node:assert/strict";
import { test } from "node:test";

import { createTeller, newer, unread } from "../src/parts/news-teller.js";

const number = (row) => row.n;

test("what was there when the view was opened is no news", () => {
  assert.deepEqual(newer([{ n: 3 }, { n: 1 }], null, number), { fresh: [], last: 3 });
  assert.deepEqual(newer([], null, number), { fresh: [], last: -Infinity });
});

test("what came since is told once, the oldest first", () => {
  const { fresh, last } = newer([{ n: 6 }, { n: 5 }, { n: 4 }], 4, number);
  assert.deepEqual([fresh.map(number), last], [[5, 6], 6]);
  assert.deepEqual(newer([{ n: 6 }, { n: 5 }], last, number).fresh, []);
});

test("after a rewind what is told again is told, with a larger number", () => {
  const { last } = newer([{ n: 1 }], 6, number);
  assert.deepEqual(newer([{ n: 7 }, { n: 1 }], last, number).fresh, [{ n: 7 }]);
});

test("a teller says alerts and announcements, and leaves headlines to those who read", () => {
  const said = [];
  const counts = [];
  const ctx = { say: (text, kind) => said.push([text, kind]), emit: (name, count) => counts.push([name, count]), prefs: { get: (name, otherwise) => otherwise } };
  const teller = createTeller(ctx);
  const both = new Set(["fired", "news"]);
  const headline = { ts_s: 1, time: "09:30:00", kind: "headline", headline: "old" };
  teller.paint({ fired: [], news: [headline] }, both);
  const news = [{ ts_s: 3, time: "09:30:02", kind: "announcement", headline: "lunch" }, { ts_s: 2, time: "09:30:01", kind: "headline", headline: "new" }, headline];
  teller.paint({ fired: [{ n: 1, time: "09:30:02", text: "ACME traded at 103.00" }], news }, both);
  teller.paint({ fired: [{ n: 1, time: "09:30:02", text: "ACME traded at 103.00" }], news }, both);
  assert.deepEqual(said, [["09:30:02 ACME traded at 103.00", "alert"], ["09:30:02 lunch", "alert"]]);
  assert.deepEqual(counts.at(-1), ["unread", 3]);
});

test("news is unread until something newer was read", () => {
  const news = [{ ts_s: 30 }, { ts_s: 20 }, { ts_s: 10 }];
  assert.deepEqual(unread(news, 15).map((row) => row.ts_s), [30, 20]);
  assert.deepEqual(unread(news, 30), []);
});
