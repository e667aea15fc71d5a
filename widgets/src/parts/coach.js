// How does a student talk with the coach? A log of questions and answers, and a field to write in.
// Answers are shown as they grow and read out once, when they are whole. The view follows the newest line unless the reader
// has scrolled up. What the coach says is text, never markup.

import { h, setAttr, setText } from "../dom.js";
import { plainText } from "./coach-markdown.js";
import { createTurn } from "./coach-turn.js";
import { createStory } from "./story.js";

const NEAR_PX = 32; // so close to the end counts as reading the end
const READ_OUT = 600; // characters that are read out of an answer
const FORGET_MS = 4000; // how long "forget" waits to be pressed again
const LINES_MOST = 6;
export const QUESTION_MOST = 2000;

/** The text of each answer, from its pieces. */
export function textsOf(pieces) {
  const texts = new Map();
  for (const piece of pieces ?? []) texts.set(piece.turn, (texts.get(piece.turn) ?? "") + piece.text);
  return texts;
}

/** Answers that are whole and were not before: those are read out. */
export function finished(before, rows) {
  return rows.filter((row) => !row.writing && !before.has(row.id));
}

export function createCoach(ctx) {
  const who = h("span", { class: "vt-coach-who" });
  const whyText = h("p");
  const why = h("details", { class: "vt-coach-why", hidden: true }, h("summary", {}, "why offline?"), whyText);
  const forget = h("button", { type: "button", class: "vt-small", hidden: true, on: { click: forgetIt, blur: calm } }, "Forget");
  const head = h("div", { class: "vt-coach-head" }, h("h3", {}, "Coach"), who, why, forget);

  const first = h("ul", { class: "vt-first" });
  const welcome = h("div", { class: "vt-coach-empty" }, h("p", {}, "Ask about your orders, your money, or a word of trading. Hints come before answers, and only you send orders."), first);
  const refusal = h("p", { class: "vt-empty", hidden: true });
  const turnsBox = h("div", { class: "vt-turns" });
  const log = h("div", { class: "vt-coach-log", role: "log", "aria-live": "off", "aria-label": "Conversation with the coach", tabindex: "0" }, welcome, refusal, turnsBox);
  const newest = h("button", { type: "button", class: "vt-small vt-newest", hidden: true, on: { click: () => follow(true) } }, "↓ Newest");
  const explain = ctx.alone ? createStory(ctx, () => openStory("")) : null; // in a desk, the blotter shows it
  const spoken = h("p", { class: "vt-unseen", role: "status", "aria-live": "polite" });

  const errorId = ctx.id("coach-error");
  const field = h("textarea", { rows: "1", class: "vt-coach-field", maxlength: QUESTION_MOST, "aria-label": "Question to the coach", "aria-describedby": errorId, placeholder: "Ask the coach", title: "Enter asks, Shift+Enter begins a new line" });
  const send = h("button", { type: "submit", class: "vt-coach-main" }, "Ask");
  const stop = h("button", { type: "button", class: "vt-small vt-stop", hidden: true, on: { click: () => ctx.ask({ intent: "stop" }) } }, "Stop");
  const error = h("p", { class: "vt-coach-error", id: errorId, role: "alert" });
  const form = h("form", { class: "vt-coach-form" }, field, send, stop, error);
  const node = h("section", { class: "vt-coach vt-card", "aria-label": "Coach" }, head, h("div", { class: "vt-coach-body" }, log, newest, explain?.node), form, spoken);

  const made = new Map();
  let whole = new Set();
  let settled = false;
  let pinned = true;
  let asking = false;
  let sure = 0;
  let story = ""; // the order whose explanation is open
  let back = null; // where the focus was before it

  async function ask(question) {
    const text = question.trim();
    if (asking || !text) {
      if (!text) complain("Write a question first.");
      return;
    }
    asking = true;
    const reply = await ctx.ask({ intent: "ask", question: text });
    asking = false;
    if (reply?.kind !== "ok") {
      complain(reply?.text ?? "");
      return;
    }
    complain("");
    if (field.value.trim() === text) {
      field.value = "";
      grow();
    }
    follow(true);
  }

  async function hint() {
    const reply = await ctx.ask({ intent: "hint" });
    complain(reply && reply.kind !== "ok" ? reply.text : "");
    if (reply?.kind === "ok") follow(true);
  }

  function complain(text) {
    setText(error, text);
    setAttr(field, "aria-invalid", text ? "true" : null);
  }

  function grow() {
    field.rows = 1;
    const line = Number.parseFloat(getComputedStyle(field).lineHeight) || 18;
    field.rows = Math.max(1, Math.min(LINES_MOST, Math.round((field.scrollHeight - 8) / line)));
  }

  async function forgetIt() {
    if (!sure) {
      setText(forget, "Forget all of it?");
      sure = setTimeout(calm, FORGET_MS);
      return;
    }
    calm();
    await ctx.ask({ intent: "forget" });
    field.focus();
  }

  function calm() {
    clearTimeout(sure);
    sure = 0;
    setText(forget, "Forget");
  }

  const atEnd = () => log.scrollHeight - log.scrollTop - log.clientHeight <= NEAR_PX;

  function follow(always = false) {
    pinned ||= always;
    if (pinned) log.scrollTop = log.scrollHeight;
    newest.hidden = pinned;
  }

  log.addEventListener("scroll", () => {
    pinned = atEnd();
    if (pinned) newest.hidden = true;
  });
  const sizes = new ResizeObserver(() => follow()); // a card that grows, or a field, hides no end that was in sight
  sizes.observe(turnsBox);
  sizes.observe(log);
  field.addEventListener("input", () => {
    complain("");
    grow();
  });
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    ask(field.value);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    ask(field.value);
  });
  ctx.on("ask", (value) => {
    const question = value?.question ?? value;
    if (typeof question === "string") ask(question);
  });
  if (explain) ctx.on("story", (value) => value?.id && openStory(String(value.id)));

  function openStory(id) {
    if (id) back = document.activeElement;
    story = id;
    log.hidden = Boolean(id);
    if (id) newest.hidden = true;
    explain.show(id);
    ctx.needsChanged();
    ctx.look({ story: id });
    if (id) {
      ctx.ask({ intent: "explained", id });
      explain.focus();
    } else {
      follow();
      back?.focus?.();
    }
  }

  function paintState(coach, count) {
    setText(who, coach.source);
    setAttr(who, "data-online", coach.online ? "true" : null);
    setText(whyText, coach.why);
    why.hidden = coach.online || !coach.why || !coach.may_ask;
    forget.hidden = count === 0;
    setText(refusal, coach.may_ask ? "" : coach.why);
    refusal.hidden = coach.may_ask;
    welcome.hidden = count > 0 || !coach.may_ask;
    form.hidden = !coach.may_ask;
    send.hidden = coach.busy;
    stop.hidden = !coach.busy;
    if (first.vtKnown !== coach.first.join("\n")) {
      first.vtKnown = coach.first.join("\n");
      const buttons = coach.first.map((text) => h("button", { type: "button", class: "vt-suggestion", on: { click: () => ask(text) } }, text));
      first.replaceChildren(...buttons.map((button) => h("li", {}, button)));
    }
  }

  function paintTurns(rows, texts, cards) {
    const seen = new Set(rows.map((row) => row.id));
    for (const [id, turn] of made) {
      if (seen.has(id)) continue;
      turn.close();
      turn.node.remove();
      made.delete(id);
    }
    for (const row of rows) {
      if (!made.has(row.id)) {
        made.set(row.id, createTurn(ctx, { hint, tell: (text) => setText(spoken, text) }));
        turnsBox.append(made.get(row.id).node);
      }
      made.get(row.id).paint(row, texts.get(row.id) ?? "", cards);
    }
  }

  function readOut(rows, texts, busy) {
    for (const row of finished(whole, rows)) {
      const text = plainText(texts.get(row.id) ?? "").slice(0, READ_OUT);
      const proposals = row.cards.length ? ` ${row.cards.length === 1 ? "A proposal waits" : "Proposals wait"} for your decision.` : "";
      if (settled) setText(spoken, `${row.source} answered: ${text || row.notices.join(" ")}${proposals}`);
    }
    whole = new Set(rows.filter((row) => !row.writing).map((row) => row.id));
    setAttr(log, "aria-busy", busy ? "true" : null);
    settled = true;
  }

  return {
    node,
    get needs() {
      return ["coach", "coach_turns", "coach_text", ...(story ? explain.needs : [])];
    },
    paint(state) {
      const { coach } = state;
      if (story) explain.paint(state, story);
      if (!coach) return;
      const rows = state.coach_turns ?? [];
      const texts = textsOf(state.coach_text);
      const cards = new Map(coach.cards.map((card) => [card.id, card]));
      paintState(coach, rows.length);
      paintTurns(rows, texts, cards);
      readOut(rows, texts, coach.busy);
      follow();
    },
    close() {
      sizes.disconnect();
      clearTimeout(sure);
      for (const turn of made.values()) turn.close();
    },
  };
}
