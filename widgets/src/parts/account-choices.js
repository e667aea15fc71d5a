// Which of a few is chosen? Buttons side by side, one of them pressed; arrow keys move as in a radio group.

import { h, setAttr } from "../dom.js";

/** items: [[name, title]]; `turned(name)` hears of what the trader chose; `mark(name)` shows what holds. */
export function choices(label, items, turned) {
  let current = items[0][0];
  const buttons = items.map(([name, title]) =>
    h("button", { type: "button", role: "radio", "data-choice": name, on: { click: () => choose(name) } }, title));
  const node = h("div", { class: "vt-choices", role: "radiogroup", "aria-label": label }, ...buttons);

  function mark(name) {
    if (!items.some(([each]) => each === name)) return;
    current = name;
    buttons.forEach((button, at) => {
      const chosen = items[at][0] === name;
      setAttr(button, "aria-checked", String(chosen));
      setAttr(button, "tabindex", chosen ? "0" : "-1");
    });
  }

  function choose(name, focus = false) {
    if (name !== current) {
      mark(name);
      turned(name);
    }
    if (focus) buttons[items.findIndex(([each]) => each === name)].focus();
  }

  node.addEventListener("keydown", (event) => {
    const at = items.findIndex(([each]) => each === current);
    const to = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    choose(items[(to + items.length) % items.length][0], true);
  });
  mark(current);
  return { node, mark, chosen: () => current };
}
