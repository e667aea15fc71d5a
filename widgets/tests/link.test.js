// Does a view hear one reply for each question, and does it say so where none came?

import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { createLink, GONE, NO_ANSWER } from "../src/link.js";
import { createStore } from "../src/store.js";

let sent;
let told;
let changes;
let model;
let link;

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  sent = [];
  told = [];
  changes = [];
  model = { send: (message) => sent.push(message), on: (_, hear) => { model.hear = hear; }, off: () => { model.hear = null; } };
  link = createLink(model, createStore(), { changed: (names, full) => changes.push([[...names], full]), silent: (text) => told.push(text) });
});

test("it greets with what it looks at, and three times at most", () => {
  link.need(["quote", "clock", "quote"]);
  assert.deepEqual(sent[0], { hello: true, needs: ["clock", "quote"], view: link.viewId });
  mock.timers.tick(2500);
  mock.timers.tick(2500);
  mock.timers.tick(2500);
  assert.equal(sent.filter((message) => message.hello).length, 3);
  assert.deepEqual(told, [NO_ANSWER]);
});

test("another look is said once", () => {
  link.need(["quote"]);
  model.hear({ seq: 1, full: true, sections: { quote: 1 } });
  link.need(["quote"]);
  link.need(["quote", "news"]);
  assert.deepEqual(sent.slice(1).map((message) => message.needs), [["news", "quote"]]);
  assert.deepEqual(changes, [[["quote"], true]]);
});

test("a reply goes to the question that asked for it", async () => {
  const one = link.ask({ intent: "pause" });
  const two = link.ask({ intent: "play" });
  model.hear({ seq: 1, full: true, replies: [{ reply: sent[1].request, kind: "ok", text: "two" }] });
  model.hear({ seq: 2, replies: [{ reply: sent[0].request, kind: "ok", text: "one" }] });
  assert.equal((await one).text, "one");
  assert.equal((await two).text, "two");
});

test("a question without a reply is told, and resolves to nothing", async () => {
  const asked = link.ask({ intent: "pause" });
  mock.timers.tick(6000);
  assert.equal(await asked, null);
  assert.deepEqual(told, [NO_ANSWER]);
  model.hear({ seq: 1, full: true, replies: [{ reply: sent[0].request, kind: "ok", text: "late" }] });
  assert.deepEqual(told, [NO_ANSWER, null]);
});

test("after a gap it greets again", () => {
  link.need(["quote"]);
  model.hear({ seq: 1, full: true, sections: { quote: 1 } });
  model.hear({ seq: 3, sections: { quote: 3 } });
  assert.equal(sent.filter((message) => message.hello).length, 2);
});

test("closing says goodbye and leaves nobody waiting", async () => {
  const asked = link.ask({ intent: "pause" });
  link.close();
  assert.equal(await asked, null);
  assert.deepEqual(sent.at(-1), { bye: true, view: link.viewId });
  assert.equal(model.hear, null);
});

test("a kernel that is gone is told, and nobody waits for it", async () => {
  model.send = () => {
    throw new Error("Cannot send");
  };
  assert.equal(await link.ask({ intent: "pause" }), null);
  link.need(["quote"]);
  mock.timers.tick(60000);
  assert.deepEqual([...new Set(told)], [GONE]);
  link.close();
});
