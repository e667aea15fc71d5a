// What does the chart show? The length of a bar, and a small menu in which indicators are added and taken away.

import { studyName } from "./chart-math.js";
import { h, setAttr, setText } from "../dom.js";

/** Buttons of which one is chosen, with the arrow keys of a radio group. `chosen(seconds)` hears of a choice. */
export function createLengths(chosen) {
  const node = h("div", { class: "vt-lengths", role: "radiogroup", "aria-label": "Length of a bar" });
  let buttons = [];
  let known = "";
  let current = null;

  node.addEventListener("keydown", (event) => {
    const at = buttons.findIndex((each) => each.seconds === current);
    const to = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (to === undefined || !buttons.length) return;
    event.preventDefault();
    event.stopPropagation();
    const next = buttons[(to + buttons.length) % buttons.length];
    next.node.focus();
    chosen(next.seconds);
  });

  return {
    node,
    paint(lengths, seconds) {
      const key = lengths.map((each) => each.seconds).join();
      if (key !== known) {
        known = key;
        buttons = lengths.map(({ seconds: value, text }) => ({
          seconds: value,
          node: h("button", { type: "button", role: "radio", on: { click: () => value !== current && chosen(value) } }, text),
        }));
        node.replaceChildren(...buttons.map((each) => each.node));
      }
      current = buttons.some((each) => each.seconds === seconds) ? seconds : null;
      buttons.forEach((each, i) => {
        setAttr(each.node, "aria-checked", String(each.seconds === current));
        setAttr(each.node, "tabindex", each.seconds === current || (current === null && i === 0) ? "0" : "-1");
      });
    },
  };
}

/** @param change  from the names of the indicators to a promise of the reply */
export function createStudyMenu(ctx, change) {
  const id = ctx.id("studies");
  const count = h("span", { class: "vt-count" });
  const opener = h("button", { type: "button", class: "vt-study-opener", "aria-expanded": "false", "aria-controls": id }, "Indicators", count);
  const active = h("ul", { class: "vt-study-active", "aria-label": "Shown indicators" });
  const none = h("p", { class: "vt-sub" }, "None yet: add one below.");
  const wrong = h("p", { class: "vt-study-wrong", role: "alert", hidden: true });
  const offers = h("div", { class: "vt-study-offers" });
  const close = h("button", { type: "button", class: "vt-small", on: { click: () => show(false) } }, "Done");
  const menu = h("div", { class: "vt-study-menu", id, role: "group", "aria-label": "Indicators", hidden: true }, active, none, wrong, offers, close);
  const node = h("div", { class: "vt-studies" }, opener, menu);
  let names = [];
  let shown = "";
  let offered = "";

  function show(open, focus = true) {
    menu.hidden = !open;
    setAttr(opener, "aria-expanded", String(open));
    wrong.hidden = true;
    if (!focus) return;
    if (open) (menu.querySelector("button, input") ?? opener).focus();
    else opener.focus();
  }

  async function choose(next) {
    const reply = await change([...new Set(next)]);
    wrong.hidden = !reply || reply.kind === "ok";
    setText(wrong, wrong.hidden ? "" : `✕ ${reply.text}`);
  }

  opener.addEventListener("click", () => show(menu.hidden));
  node.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || menu.hidden) return;
    event.preventDefault();
    event.stopPropagation();
    show(false);
  });
  node.addEventListener("focusout", (event) => {
    if (!menu.hidden && event.relatedTarget && !node.contains(event.relatedTarget)) show(false, false);
  });

  function offer(family) {
    const fields = family.parameters.map((p) => {
      const field = h("input", { type: "number", value: p.default, min: p.least, max: p.most, step: p.whole ? 1 : 0.1, "aria-label": `${family.title}, ${p.name}`, title: `${p.name}, ${p.least} to ${p.most}` });
      field.addEventListener("keydown", (event) => event.key === "Enter" && add());
      return field;
    });
    const add = () => choose([...names, studyName(family.name, fields.map((field) => field.value.trim()))]);
    const button = h("button", { type: "button", class: "vt-small", "aria-label": `Add ${family.title}`, on: { click: add } }, "Add");
    return h("div", { class: "vt-study-offer", title: family.about }, h("span", { class: "vt-study-name" }, family.title), h("span", { class: "vt-study-fields" }, ...fields), button);
  }

  return {
    node,
    close: () => show(false, false),
    paint(charting) {
      const studies = charting?.studies ?? [];
      names = studies.map((study) => study.name);
      setText(count, names.length ? String(names.length) : "");
      const families = (charting?.families ?? []).map((family) => family.name).join();
      if (families !== offered) {
        offered = families;
        offers.replaceChildren(...(charting?.families ?? []).map(offer));
      }
      if (names.join() === shown && active.childElementCount === names.length) return;
      shown = names.join();
      const focused = active.contains(document.activeElement);
      active.replaceChildren(...studies.map((study) => h("li", {}, h("span", {}, study.title),
        h("button", { type: "button", class: "vt-small", "aria-label": `Remove ${study.title}`, on: { click: () => choose(names.filter((name) => name !== study.name)) } }, "Remove"))));
      none.hidden = names.length > 0;
      if (focused) (active.querySelector("button") ?? close).focus();
    },
  };
}
