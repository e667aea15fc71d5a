// How is one question with its answer shown? The text as it grows, then what it rests on, hints, and cards.

import { h, setAttr, setText } from "../dom.js";
import { createCard } from "./coach-card.js";
import { createText } from "./coach-markdown.js";

const ENDS = { stopped: "Stopped.", late: "Given up.", failed: "No answer." };

/** "3 pieces of evidence", "1 piece of evidence". */
export const evidenceTitle = (count) => `${count} ${count === 1 ? "piece" : "pieces"} of evidence`;

/** @param on { hint(), tell(text) }: the next hint is wanted; something is to be read out */
export function createTurn(ctx, on) {
  const question = h("p", { class: "vt-asked" });
  const source = h("span", { class: "vt-sub" });
  const state = h("span", { class: "vt-coach-state" });
  const text = createText(h);
  const notices = h("ul", { class: "vt-notices" });
  const list = h("ul");
  const summary = h("summary");
  const evidence = h("details", { class: "vt-evidence" }, summary, list);
  const cards = h("div", { class: "vt-proposals" });
  const more = h("button", { type: "button", class: "vt-small vt-more", hidden: true, on: { click: () => on.hint() } }, "One more hint");
  const by = h("p", { class: "vt-by" }, source, state);
  const node = h("article", { class: "vt-turn" }, question, h("div", { class: "vt-answer" }, by, text.node, notices, cards, more, evidence));
  const made = new Map();
  let shown = null;
  let told = null;

  function paintEvidence(rows) {
    evidence.hidden = rows.length === 0;
    setText(summary, evidenceTitle(rows.length));
    list.replaceChildren(
      ...rows.map((row) => {
        const label = row.order
          ? h("button", { type: "button", class: "vt-quiet vt-cite", title: "Open this order", on: { click: () => ctx.emit("story", { id: row.order }) } }, row.label)
          : h("strong", {}, row.label);
        return h("li", {}, label, " ", h("span", {}, row.value));
      }),
    );
  }

  function paint(row, words, open) {
    if (row !== shown) {
      shown = row;
      setText(question, row.question);
      setAttr(node, "aria-label", `Question: ${row.question}`);
      setText(source, row.source);
      setText(state, row.writing ? "is writing…" : ENDS[row.state] ?? "");
      setAttr(node, "data-state", row.state);
      notices.replaceChildren(...row.notices.map((notice) => h("li", {}, notice)));
      notices.hidden = row.notices.length === 0;
      more.hidden = !row.more_hints;
      paintEvidence(row.evidence);
    }
    if (words !== told) {
      told = words;
      text.paint(words);
    }
    const wanted = row.cards.map((id) => open.get(id)).filter(Boolean);
    for (const [id, card] of made) {
      if (!wanted.some((each) => each.id === id)) {
        card.close();
        card.node.remove();
        made.delete(id);
      }
    }
    for (const each of wanted) {
      if (!made.has(each.id)) {
        made.set(each.id, createCard(ctx, each, on.tell));
        cards.append(made.get(each.id).node);
      }
      made.get(each.id).paint(each);
    }
  }

  function close() {
    for (const card of made.values()) card.close();
  }
  return { node, paint, close };
}
