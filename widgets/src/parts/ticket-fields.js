// What does one field of the ticket look like? A name, a number with a step down and up, what it means, and what is wrong with it.

import { h, setAttr, setText } from "../dom.js";
import { stepped } from "./ticket-logic.js";

/**
 * A number field.
 *
 * options: { name, label, step() -> unit, start() -> number an empty field begins at, changed(), extra: node beside the label }
 */
export function numberField(ctx, { name, label, step, start = () => 0, changed, extra = null, placeholder = "" }) {
  const id = ctx.id(name);
  const note = h("span", { class: "vt-note", id: `${id}-note` });
  const error = h("p", { class: "vt-error", id: `${id}-error`, hidden: true });
  const input = h("input", { id, class: `vt-input vt-${name}`, inputmode: "decimal", autocomplete: "off", spellcheck: "false", placeholder, "aria-describedby": `${id}-note` });
  const nudge = (by) => {
    const next = stepped(input.value, by, step(), start());
    if (next === null) return;
    input.value = next;
    changed();
  };
  const button = (by, sign, word) => h("button", { type: "button", class: "vt-nudge", tabindex: "-1", "aria-label": `${word} ${label.toLowerCase()}`, on: { click: () => nudge(by) } }, sign);
  input.addEventListener("input", changed);
  input.addEventListener("keydown", (event) => {
    const by = { ArrowUp: 1, ArrowDown: -1, PageUp: 10, PageDown: -10 }[event.key];
    if (!by || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    nudge(by * (event.shiftKey ? 10 : 1));
  });
  const spin = h("div", { class: "vt-spin" }, button(-1, "−", "Less"), input, button(1, "+", "More"));
  const node = h("div", { class: "vt-field", "data-field": name }, h("div", { class: "vt-label" }, h("label", { for: id }, label), extra), spin, note, error);
  return { name, node, input, nudge, ...faults(node, input, error, note) };
}

/** A field of words, such as a time. */
export function textField(ctx, { name, label, changed, placeholder }) {
  const id = ctx.id(name);
  const note = h("span", { class: "vt-note", id: `${id}-note` });
  const error = h("p", { class: "vt-error", id: `${id}-error`, hidden: true });
  const input = h("input", { id, class: `vt-input vt-${name}`, autocomplete: "off", spellcheck: "false", placeholder, "aria-describedby": `${id}-note`, on: { input: changed } });
  const node = h("div", { class: "vt-field", "data-field": name }, h("div", { class: "vt-label" }, h("label", { for: id }, label)), h("div", { class: "vt-spin vt-plain" }, input), note, error);
  return { name, node, input, ...faults(node, input, error, note) };
}

/** One of many words, with what the chosen one means. */
export function selectField(ctx, { name, label, changed }) {
  const id = ctx.id(name);
  const note = h("span", { class: "vt-note", id: `${id}-note` });
  const error = h("p", { class: "vt-error", id: `${id}-error`, hidden: true });
  const input = h("select", { class: `vt-select vt-${name}`, id, "aria-describedby": note.id, on: { change: changed } });
  const node = h("div", { class: "vt-field", "data-field": name }, h("div", { class: "vt-label" }, h("label", { for: id }, label)), input, note, error);
  let shown = "";
  return {
    name, node, input,
    ...faults(node, input, error, note),
    /** items: [[value, text]]; the chosen one stays, where it is still there. */
    fill(items) {
      const key = JSON.stringify(items);
      if (key === shown) return;
      shown = key;
      const kept = items.some(([value]) => value === input.value) ? input.value : items[0]?.[0];
      input.replaceChildren(...items.map(([value, text]) => h("option", { value, selected: value === kept }, text)));
    },
  };
}

/** A yes or no. */
export function flagField(ctx, { name, label, hint, changed }) {
  const id = ctx.id(name);
  const error = h("p", { class: "vt-error", id: `${id}-error`, hidden: true });
  const input = h("input", { id, type: "checkbox", class: `vt-${name}`, on: { change: changed } });
  const node = h("div", { class: "vt-flag", "data-field": name }, h("label", { for: id, title: hint }, input, h("span", {}, label)), error);
  return { name, node, input, ...faults(node, input, error, null) };
}

/** A choice of few words, as radio buttons that look like one strip. */
export function choice(ctx, { name, label, changed, className = "" }) {
  const node = h("div", { class: `vt-choice ${className}`, role: "radiogroup", "aria-label": label, "data-field": name });
  const error = h("p", { class: "vt-error", id: ctx.id(`${name}-error`), hidden: true });
  let shown = "";
  const chosen = () => node.querySelector("input:checked")?.value ?? null;
  return {
    name, node, error, chosen,
    input: node,
    ...faults(node, node, error, null),
    /** items: [[value, text, hint, class]] */
    fill(items) {
      const key = JSON.stringify(items);
      if (key === shown) return;
      shown = key;
      const kept = items.some(([value]) => value === chosen()) ? chosen() : items[0]?.[0];
      const group = ctx.id(name);
      node.replaceChildren(...items.map(([value, text, hint, kind]) => h("label", { title: hint, class: kind },
        h("input", { type: "radio", name: group, value, checked: value === kept, on: { change: changed } }), h("span", {}, text))));
    },
    choose(value) {
      const radio = [...node.querySelectorAll("input")].find((input) => input.value === value);
      if (radio) radio.checked = true;
      return Boolean(radio);
    },
  };
}

/** What is wrong with a field stands below it, and a screen reader reads it with the field. */
function faults(node, input, error, note) {
  return {
    wrong(text) {
      setText(error, text ? `✕ ${text}` : "");
      error.hidden = !text;
      setAttr(input, "aria-invalid", text ? "true" : null);
      setAttr(input, "aria-describedby", text ? error.id : note?.id ?? null);
      setAttr(node, "data-wrong", text ? "true" : null);
    },
    told(text) {
      if (note) setText(note, text ?? "");
    },
  };
}
