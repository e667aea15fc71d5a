// Does a view know what the desk last said, and does it know when it does not?

import assert from "node:assert/strict";
import { test } from "node:test";

import { createStore } from "../src/store.js";

const full = (seq, sections) => ({ seq, full: true, sections });

test("before the first full message nothing is believed", () => {
  const store = createStore();
  assert.equal(store.take({ seq: 1, sections: { account: { cash: 1 } } }), null);
  assert.deepEqual(store.state, {});
});

test("a change replaces one section and leaves the others", () => {
  const store = createStore();
  store.take(full(4, { account: { cash: 1 }, clock: { now: 2 } }));
  assert.deepEqual([...store.take({ seq: 5, sections: { account: { cash: 3 } } })], ["account"]);
  assert.deepEqual(store.state, { account: { cash: 3 }, clock: { now: 2 } });
  assert.equal(store.seq, 5);
});

test("an older message changes nothing", () => {
  const store = createStore();
  store.take(full(4, { account: { cash: 1 } }));
  assert.equal(store.take({ seq: 4, sections: { account: { cash: 9 } } }).size, 0);
  assert.equal(store.take(full(3, { account: { cash: 9 } })).size, 0);
  assert.deepEqual(store.state, { account: { cash: 1 } });
});

test("after a gap only a full message heals", () => {
  const store = createStore();
  store.take(full(4, { account: { cash: 1 } }));
  assert.equal(store.take({ seq: 6, sections: {} }), null);
  assert.equal(store.take({ seq: 7, sections: {} }), null);
  store.take(full(8, { clock: { now: 1 } }));
  assert.deepEqual(store.state, { clock: { now: 1 } });
  assert.equal(store.take({ seq: 9, sections: {} }).size, 0);
});

test("rows change, come and go by their key, and stand in the order that is told", () => {
  const store = createStore();
  store.take(full(1, { orders: [{ id: "a", filled: 0 }, { id: "b", filled: 0 }] }));
  store.take({ seq: 2, rows: { orders: { changed: [{ id: "b", filled: 5 }] } } });
  assert.deepEqual(store.state.orders, [{ id: "a", filled: 0 }, { id: "b", filled: 5 }]);
  store.take({ seq: 3, rows: { orders: { changed: [{ id: "c", filled: 1 }], order: ["c", "b"] } } });
  assert.deepEqual(store.state.orders, [{ id: "c", filled: 1 }, { id: "b", filled: 5 }]);
});

test("a series grows at its end, forgets at its start, and its last row may change", () => {
  const store = createStore();
  store.take(full(1, { bars: { seconds: 60, t: [0, 60, 120], close: [1, 2, 3] } }));
  store.take({ seq: 2, tails: { bars: { drop: 1, keep: 1, columns: { t: [120, 180], close: [4, 5] }, values: { seconds: 60 } } } });
  assert.deepEqual(store.state.bars, { seconds: 60, t: [60, 120, 180], close: [2, 4, 5] });
});
