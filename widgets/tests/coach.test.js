// Is an answer read as text with a few marks, and never as more than that? Is it read out once?

import assert from "node:assert/strict";
import { test } from "node:test";

import { previewLine, timeLeft } from "../src/parts/coach-card.js";
import { blocks, plainText, spans } from "../src/parts/coach-markdown.js";
import { evidenceTitle } from "../src/parts/coach-turn.js";
import { finished, textsOf } from "../src/parts/coach.js";

const kinds = (text) => blocks(text).map((block) => block.kind);

test("bold and code are spans; a mark without its partner is text", () => {
  assert.deepEqual(spans("You paid **2.50 USD** for `desk.buy`"), [
    { kind: "plain", text: "You paid " },
    { kind: "bold", text: "2.50 USD" },
    { kind: "plain", text: " for " },
    { kind: "code", text: "desk.buy" },
  ]);
  for (const text of ["2 ** 3", "a ` b", "**", "****", "a**", "**half"]) {
    assert.equal(spans(text).map((span) => span.text).join(""), text, text);
    assert.ok(spans(text).every((span) => span.kind === "plain"), text);
  }
});

test("foreign text that was escaped is shown letter by letter", () => {
  assert.deepEqual(spans("\\*\\*Buy\\*\\* \\<b\\>now\\</b\\> 1\\.5"), [{ kind: "plain", text: "**Buy** <b>now</b> 1.5" }]);
  assert.deepEqual(spans("a\\b \\"), [{ kind: "plain", text: "a\\b \\" }]);
});

test("nothing becomes markup of the page: tags, links and pictures are text", () => {
  const hostile = '<img src=x onerror="alert(1)"> [a](javascript:alert(1)) ![b](http://c) <script>x</script> &lt;i&gt;';
  assert.deepEqual(blocks(hostile), [{ kind: "p", lines: [[{ kind: "plain", text: hostile }]] }]);
});

test("paragraphs, lists, quotes, headings and code blocks", () => {
  assert.deepEqual(kinds("one\n\ntwo\nthree"), ["p", "p"]);
  assert.equal(blocks("two\nthree")[0].lines.length, 2);
  assert.deepEqual(kinds("first\n- a\n- b\n  more of b\n\nlast"), ["p", "ul", "p"]);
  assert.equal(blocks("- a\n- b\n  more of b")[0].lines[1].map((span) => span.text).join(""), "b more of b");
  assert.deepEqual(kinds("1. a\n2. b"), ["ol"]);
  assert.deepEqual(blocks("## A *head*")[0].lines[0], [{ kind: "bold", text: "A *head*" }]);
  assert.deepEqual(blocks("```python\nx = **1**\n```\nafter"), [
    { kind: "code", text: "x = **1**" },
    { kind: "p", lines: [[{ kind: "plain", text: "after" }]] },
  ]);
  assert.deepEqual(kinds("> said"), ["quote"]);
});

test("an answer that is cut anywhere is still read without an error, and loses no letter", () => {
  const text = "**One** two\n\n- `a` b\n- c\n\n```\ncode\n```\nend \\*x\\*";
  for (let end = 0; end <= text.length; end += 1) assert.equal(typeof plainText(text.slice(0, end)), "string");
  assert.equal(plainText(text), "One two a b c code end *x*");
});

test("marks in great number are read in good time", () => {
  for (const mark of ["*", "**", "`", "\\", "> ", "- ", "#", "**`"]) {
    assert.equal(typeof plainText(mark.repeat(8000 / mark.length)), "string");
  }
});

test("the pieces of an answer make its text, in order", () => {
  const pieces = [{ turn: "t1", text: "a" }, { turn: "t2", text: "x" }, { turn: "t2", text: "y" }];
  assert.deepEqual([...textsOf(pieces)], [["t1", "a"], ["t2", "xy"]]);
  assert.equal(textsOf(null).size, 0);
});

test("an answer is read out when it is whole, and only then", () => {
  const rows = [{ id: "t1", writing: false }, { id: "t2", writing: true }];
  assert.deepEqual(finished(new Set(["t1"]), rows), [], "what was whole before is not read again");
  const later = [rows[0], { id: "t2", writing: false }];
  assert.deepEqual(finished(new Set(["t1"]), later).map((row) => row.id), ["t2"]);
});

test("what is left of a card's time, and the words of small counts", () => {
  assert.deepEqual([300, 89, 12, 0, -5].map(timeLeft), ["5 min", "90 s", "15 s", "0 s", "0 s"]);
  assert.deepEqual([1, 3].map(evidenceTitle), ["1 piece of evidence", "3 pieces of evidence"]);
});

test("a preview is a line, and a desk without one shows none", () => {
  const rows = [["fees", "0.50"], ["power after", "9.00"]];
  assert.equal(previewLine({ kind: "ok", text: "All fill.", data: { refused: false, rows } }), "All fill. fees 0.50 · power after 9.00");
  assert.equal(previewLine({ kind: "ok", text: "too large.", data: { refused: true } }), "it would be refused: too large.");
  assert.equal(previewLine(null), "");
  assert.equal(previewLine({ kind: "error", text: "a panel cannot ask for 'preview'" }), "");
  assert.equal(previewLine({ kind: "ok", text: "about 18,241.00 USD" }), "about 18,241.00 USD");
});
