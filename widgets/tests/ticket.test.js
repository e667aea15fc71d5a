// Does the ticket ask for what is typed, look before it sends, and send nothing twice?

import assert from "node:assert/strict";
import { test } from "node:test";

import { AGAIN_MS, PREVIEW_MS, createPreviewer, createSender, decimalsOf, intentOf, sends, stepped, tifsOf, visible } from "../src/parts/ticket-logic.js";

const TICKET = {
  tifs: ["DAY", "GTC", "IOC", "GTD"],
  fields: { market: [], limit: ["limit_price"], stop_market: ["stop_price"], stop_limit: ["limit_price", "stop_price"], trailing_stop_market: ["trail"] },
  tifs_of: { market: ["DAY", "IOC"] },
  flags: { post_only: { limit: ["DAY"] }, display: { limit: ["DAY"] }, reduce_only: { limit: ["DAY"], market: ["DAY"] } },
};
const FORM = { change: null, plan: "order", side: "buy", type: "limit", tif: "DAY", symbol: "ACME", trailBps: false };
const VALUES = { quantity: " 100 ", limit_price: "9.5", stop_price: "9", trail: "0.5", display: "", good_till: "15:30", take_profit: "12", stop_loss: "8", post_only: true, reduce_only: false };

test("a grid has as many decimals as its step", () => {
  assert.deepEqual([1, 0.01, 0.25, 0.00001, 10].map(decimalsOf), [0, 2, 2, 5, 0]);
});

for (const [text, by, step, start, expected] of [
  ["100", 1, 1, 0, "101"], ["", 1, 0.01, 182.39, "182.40"], ["182.395", 1, 0.01, 0, "182.40"], ["182.395", -1, 0.01, 0, "182.39"],
  ["0.01", -1, 0.01, 0, "0.01"], ["-5", 1, 1, 0, "1"], ["abc", 1, 1, 0, null], ["1e400", 1, 1, 0, null], ["1,000", 1, 1, 0, null], ["0.3", 1, 0.1, 0, "0.4"],
]) {
  test(`${JSON.stringify(text)} stepped by ${by} x ${step} is ${expected}`, () => assert.equal(stepped(text, by, step, start), expected));
}

test("a type shows the fields that it needs, and no others", () => {
  const of = (changes) => [...visible({ ...FORM, ...changes }, TICKET)].sort();
  assert.deepEqual(of({ type: "market" }), ["quantity", "reduce_only", "side", "tif", "type"]);
  assert.deepEqual(of({}), ["display", "limit_price", "post_only", "quantity", "reduce_only", "side", "tif", "type"]);
  assert.deepEqual(of({ type: "trailing_stop_market", tif: "GTD" }), ["good_till", "quantity", "side", "tif", "trail", "type"]);
  assert.deepEqual(of({ plan: "exits" }), ["quantity", "stop_loss", "take_profit"]);
  assert.ok(of({ plan: "bracket" }).includes("stop_loss"));
  assert.deepEqual(of({ change: "o1", type: "stop_limit" }), ["limit_price", "quantity", "stop_price"]);
  assert.deepEqual(of({ change: "o1", type: "trailing_stop_market" }), ["quantity"]);
});

test("times in force are those of the type", () => {
  assert.deepEqual(tifsOf("market", TICKET), ["DAY", "IOC"]);
  assert.deepEqual(tifsOf("limit", TICKET), TICKET.tifs);
});

test("what is hidden is not asked for, and what is typed goes as it was typed", () => {
  assert.deepEqual(intentOf(FORM, VALUES, TICKET), { symbol: "ACME", plan: "order", side: "buy", type: "limit", tif: "DAY", quantity: "100", limit_price: "9.5", post_only: true });
  assert.deepEqual(intentOf({ ...FORM, type: "trailing_stop_market", trailBps: true }, VALUES, TICKET), { symbol: "ACME", plan: "order", side: "buy", type: "trailing_stop_market", tif: "DAY", quantity: "100", trail_bps: "0.5" });
  assert.deepEqual(intentOf({ ...FORM, plan: "exits" }, VALUES, TICKET), { symbol: "ACME", plan: "exits", quantity: "100", take_profit: "12", stop_loss: "8" });
  assert.deepEqual(intentOf({ ...FORM, change: "o1" }, VALUES, TICKET), { symbol: "ACME", id: "o1", quantity: "100", limit_price: "9.5" });
  assert.deepEqual(["order", "bracket", "exits"].map((plan) => sends({ plan })), ["submit", "bracket", "exits"]);
  assert.equal(sends({ change: "o1", plan: "order" }), "replace");
});

function clockwork() {
  let timers = [];
  return {
    later: (act, ms) => { timers.push({ act, ms }); return timers.at(-1); },
    forget: (timer) => { timers = timers.filter((each) => each !== timer); },
    ring: async () => { const due = timers; timers = []; for (const each of due) await each.act(); },
    get waiting() { return timers.map((each) => each.ms); },
  };
}

test("a preview is asked for after a pause, once, and an older answer is dropped", async () => {
  const clock = clockwork();
  const asked = [];
  const shown = [];
  const answers = [];
  const previewer = createPreviewer({ ask: (intent) => { asked.push(intent.quantity); return new Promise((resolve) => answers.push(resolve)); }, shown: (reply) => shown.push(reply), later: clock.later, forget: clock.forget });
  for (const quantity of ["1", "10", "100"]) previewer.want({ quantity });
  assert.deepEqual(clock.waiting, [PREVIEW_MS]);
  clock.ring();
  assert.deepEqual(asked, ["100"]);
  previewer.want({ quantity: "1000" });
  answers.shift()("of 100");
  await Promise.resolve();
  assert.deepEqual(shown, []);
  clock.ring();
  assert.deepEqual(asked, ["100", "1000"]);
  answers.shift()("of 1000");
  await new Promise(setImmediate);
  assert.deepEqual(shown, ["of 1000"]);
  assert.ok(previewer.isOf({ quantity: "1000" }));
  assert.ok(!previewer.isOf({ quantity: "100" }));
});

test("a slow kernel gets one question at a time", async () => {
  const clock = clockwork();
  const asked = [];
  const answers = [];
  const previewer = createPreviewer({ ask: (intent) => { asked.push(intent.quantity); return new Promise((resolve) => answers.push(resolve)); }, shown: () => undefined, later: clock.later, forget: clock.forget });
  for (const quantity of ["1", "2", "3"]) {
    previewer.want({ quantity });
    clock.ring();
  }
  assert.deepEqual(asked, ["1"]);
  answers.shift()("late");
  await new Promise(setImmediate);
  assert.deepEqual(asked, ["1", "3"]);
});

test("no answer is no preview", async () => {
  const shown = [];
  const previewer = createPreviewer({ ask: async () => null, shown: (reply) => shown.push(reply) });
  await previewer.want({ quantity: "1" }, true);
  assert.deepEqual(shown, [null]);
  assert.ok(!previewer.isOf({ quantity: "1" }));
});

function desk() {
  const sent = [];
  const answers = [];
  let now = 1000;
  const sender = createSender({ ask: (intent) => { sent.push(intent); return new Promise((resolve) => answers.push(resolve)); }, clock: () => now, name: "v1" });
  return { sender, sent, answer: (reply) => answers.shift()(reply), pass: (ms) => { now += ms; } };
}

test("a double click sends one order", async () => {
  const { sender, sent, answer } = desk();
  const first = sender.send("submit", { quantity: "1" });
  assert.ok(sender.busy);
  assert.equal(await sender.send("submit", { quantity: "1" }), undefined);
  answer({ kind: "ok" });
  await first;
  assert.equal(await sender.send("submit", { quantity: "1" }), undefined, "the answer was faster than the second click");
  assert.deepEqual(sent, [{ intent: "submit", quantity: "1", client_order_id: "p-v1-1" }]);
});

test("what got no answer goes again under the same name, a new order under a new one", async () => {
  const { sender, sent, answer, pass } = desk();
  const lost = sender.send("submit", { quantity: "1" });
  answer(null);
  assert.equal(await lost, null);
  pass(AGAIN_MS);
  const again = sender.send("submit", { quantity: "1" });
  answer({ kind: "error", data: { sent: true } });
  await again;
  pass(AGAIN_MS);
  const next = sender.send("submit", { quantity: "1" });
  answer({ kind: "ok" });
  await next;
  assert.deepEqual(sent.map((each) => each.client_order_id), ["p-v1-1", "p-v1-1", "p-v1-2"]);
});

test("a changed order is not the lost one", async () => {
  const { sender, sent, answer, pass } = desk();
  const lost = sender.send("submit", { quantity: "1" });
  answer(null);
  await lost;
  pass(AGAIN_MS);
  const other = sender.send("submit", { quantity: "2" });
  answer({ kind: "ok" });
  await other;
  pass(AGAIN_MS);
  const change = sender.send("replace", { id: "o1", quantity: "3" });
  answer({ kind: "ok" });
  await change;
  assert.deepEqual(sent.map((each) => each.client_order_id), ["p-v1-1", "p-v1-2", undefined]);
});
