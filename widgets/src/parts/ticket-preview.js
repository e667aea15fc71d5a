// What would the order do? A sentence, the numbers, and the walk through the book; its place is there before it is.

import { h, setAttr, setText } from "../dom.js";

export function createPreview() {
  const text = h("p", { class: "vt-foresee-text" });
  const rows = h("dl", { class: "vt-foresee-rows" });
  const steps = h("tbody");
  const head = h("thead", {}, h("tr", {}, ...["price", "shown", "take", "so far"].map((name) => h("th", { scope: "col", class: "vt-num" }, name))));
  const walk = h("table", { class: "vt-table vt-walk", "aria-label": "Walk through the book" }, head, steps);
  const notes = h("div", { class: "vt-foresee-notes" });
  const node = h("div", { class: "vt-foresee", role: "region", "aria-label": "Preview of the order", tabindex: "0" }, text, rows, walk, notes);
  let shown = "";

  function rowOf([name, value]) {
    return h("div", {}, h("dt", {}, name), h("dd", {}, value));
  }

  function stepOf(level) {
    if (level.more) return h("tr", { class: "vt-walk-more" }, h("td", { colspan: "4" }, `… ${level.more}`));
    const bar = h("span", { class: "vt-walk-bar", "aria-hidden": "true" }, h("span", {}));
    bar.style.width = `${100 * level.shown}%`;
    bar.firstChild.style.width = level.shown ? `${Math.min(100, (100 * level.taken) / level.shown)}%` : "0";
    const row = h("tr", {}, h("td", { class: "vt-num" }, bar, h("span", {}, level.price)), ...[level.size, level.take, level.cumulative].map((each) => h("td", { class: "vt-num" }, each)));
    setAttr(row, "data-taken", level.take !== "-" ? "true" : null);
    setAttr(row, "data-beyond", level.beyond ? "true" : null);
    return row;
  }

  return {
    node,
    /** data: of the reply to a preview; `null`: nothing is known. */
    paint(data) {
      const key = JSON.stringify(data ?? null);
      setAttr(node, "aria-busy", null);
      if (key === shown) return;
      shown = key;
      setText(text, data?.text ?? "No preview: the desk does not answer.");
      setAttr(node, "data-refused", data?.refused ? "true" : null);
      rows.replaceChildren(...(data?.rows ?? []).map(rowOf));
      const levels = data?.levels ?? [];
      steps.replaceChildren(...levels.map(stepOf));
      walk.hidden = levels.length === 0;
      notes.replaceChildren(...(data?.notes ?? []).map((note) => h("p", { class: "vt-hint" }, note)));
    },
    /** What is shown is about something else by now. */
    stale() {
      setAttr(node, "aria-busy", "true");
    },
  };
}

/** A question before sending, in the ticket itself: Enter sends, Escape goes back, Tab stays between the two. */
export function createConfirm({ yes, no, opened }) {
  const text = h("p", { class: "vt-confirm-text" });
  const send = h("button", { type: "button", class: "vt-confirm-yes", on: { click: () => close(true) } }, "Send");
  const back = h("button", { type: "button", class: "vt-confirm-no", on: { click: () => close(false) } }, "Back");
  const node = h("div", { class: "vt-confirm", role: "alertdialog", "aria-modal": "true", "aria-label": "Confirm the order", hidden: true }, text, h("div", { class: "vt-confirm-acts" }, send, back));
  let opener = null;

  node.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Tab") {
      event.preventDefault();
      (document.activeElement === send ? back : send).focus();
    } else if (event.key === "Escape") {
      event.preventDefault();
      close(false);
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (!event.repeat) close(document.activeElement !== back);
    }
  });

  function close(sure) {
    if (node.hidden) return;
    node.hidden = true;
    opened(false);
    opener?.focus?.({ preventScroll: true });
    (sure ? yes : no)();
  }

  return {
    node,
    get open() {
      return !node.hidden;
    },
    ask(question) {
      opener = document.activeElement;
      setText(text, question);
      node.hidden = false;
      opened(true);
      send.focus({ preventScroll: true });
    },
    leave: () => close(false),
  };
}
