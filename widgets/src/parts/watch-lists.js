// Which list is looked at, and what is done with it? A choice of lists, and a small form to name one or to add to it.

import { h, setAttr, setText } from "../dom.js";

const FORMS = {
  create: { title: "Name of the new list", go: "Create" },
  rename: { title: "New name of the list", go: "Rename" },
  add: { title: "Symbol to add", go: "Add" },
  delete: { title: "", go: "Delete the list" },
};

/**
 * @param chose  called with the name of a list that somebody chose
 */
export function createLists(ctx, chose) {
  const id = ctx.id("lists");
  let chosen = "All";
  let form = "";
  const select = h("select", { class: "vt-watch-list", "aria-label": "Watchlist", on: { change: () => chose(select.value) } });
  const tool = (name, text, label) => h("button", { type: "button", class: "vt-small", "data-form": name, "aria-expanded": "false", "aria-controls": id, "aria-label": label, on: { click: () => open(form === name ? "" : name) } }, text);
  const tools = { create: tool("create", "New list", "New list of symbols"), add: tool("add", "Add symbol", "Add symbol to this list"), rename: tool("rename", "Rename", "Rename this list"), delete: tool("delete", "Delete", "Delete this list") };
  const input = h("input", { type: "text", id: `${id}-text`, maxlength: "40", autocomplete: "off", "aria-describedby": `${id}-error` });
  const label = h("label", { for: `${id}-text` });
  const go = h("button", { type: "submit", class: "vt-small" });
  const error = h("p", { class: "vt-field-error", id: `${id}-error`, role: "alert", hidden: true });
  const box = h("form", { class: "vt-watch-form", id, hidden: true, on: { submit, keydown: (event) => event.key === "Escape" && open("") } }, label, input, go,
    h("button", { type: "button", class: "vt-small", on: { click: () => open("") } }, "Cancel"), error);
  const node = h("div", { class: "vt-watch-lists" }, select, ...Object.values(tools));

  function tell(text) {
    setText(error, text);
    error.hidden = !text;
    setAttr(input, "aria-invalid", text ? "true" : null);
  }

  function open(name) {
    const from = form;
    form = name;
    box.hidden = !name;
    for (const [each, button] of Object.entries(tools)) setAttr(button, "aria-expanded", String(each === name));
    tell("");
    if (!name) {
      if (from && box.contains(document.activeElement)) tools[from].focus();
      return;
    }
    const plain = name === "delete";
    setText(label, plain ? `Delete the list ${chosen}? Its symbols are still traded.` : FORMS[name].title);
    setAttr(label, "for", plain ? null : `${id}-text`);
    input.hidden = plain;
    input.value = name === "rename" ? chosen : "";
    setText(go, FORMS[name].go);
    (plain ? go : input).focus();
  }

  async function submit(event) {
    event.preventDefault();
    const text = input.value.trim();
    const asked = {
      create: { intent: "watchlist", do: "create", name: text },
      rename: { intent: "watchlist", do: "rename", name: chosen, to: text },
      delete: { intent: "watchlist", do: "delete", name: chosen },
      add: { intent: "star", symbol: text.toUpperCase(), list: chosen },
    }[form];
    const reply = await ctx.ask(asked);
    if (!reply) return;
    if (reply.kind === "error") {
      tell(reply.text);
      return;
    }
    ctx.say(reply.text);
    if (reply.data?.list) chose(reply.data.list);
    if (form === "add") {
      input.value = "";
      tell("");
      input.focus();
    } else open("");
  }

  return {
    node,
    form: box,
    get chosen() {
      return chosen;
    },
    paint(watch) {
      const key = JSON.stringify(watch.lists);
      if (select.vtKey !== key) {
        select.vtKey = key;
        select.replaceChildren(...watch.lists.map(({ name, count }) => h("option", { value: name }, `${name} (${count})`)));
      }
      if (chosen !== watch.list) open("");
      chosen = watch.list;
      if (document.activeElement !== select || select.vtShown !== watch.list) select.value = watch.list;
      select.vtShown = watch.list;
      const own = chosen !== "All" && chosen !== "Starred";
      tools.add.hidden = chosen === "All";
      tools.rename.hidden = tools.delete.hidden = !own;
    },
  };
}
