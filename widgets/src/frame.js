// How does a part become a live panel? Messages fold into the store; a frame later the parts that need it repaint.
// Nothing here knows a rule of the market: what may be done stands in the view, what is wanted goes up as an intent.

import { h, setAttr, setText, uniqueId } from "./dom.js";
import { createLink } from "./link.js";
import { createStore } from "./store.js";
import { createToasts } from "./toasts.js";

const TITLES = {
  desk: "Trading desk", watch: "Market watch", chart: "Price chart", ladder: "Depth", ticket: "Order ticket", blotter: "Blotter",
  account: "Account", progress: "Progress and standings", coach: "Coach", news: "News and alerts", time: "Market clock",
};

/** What the frame itself needs of a desk. */
const FRAME_NEEDS = ["clock", "prefs", "symbol"];

/** An emitter: parts of one view tell each other what the trader did, and know nothing else of each other. */
function createEvents() {
  const listeners = new Map();
  return {
    on(name, listener) {
      listeners.set(name, [...(listeners.get(name) ?? []), listener]);
    },
    emit(name, value) {
      for (const listener of listeners.get(name) ?? []) listener(value);
    },
  };
}

/** The widget's module, for the parts it can show: { name: create(ctx) }. */
export function createModule(parts) {
  return { render: ({ model, el }) => render(model, el, parts) };
}

function render(model, el, parts) {
  const name = model.get("part");
  const store = createStore();
  const events = createEvents();
  const changed = new Set();
  let frame = 0;
  let silent = null;

  const alarm = h("p", { class: "vt-alarm", role: "alert", hidden: true });
  const waitingNote = h("p", { class: "vt-waiting", role: "status" }, "Opening the desk…");
  const toasts = createToasts();
  const root = h("section", { class: `vt-desk vt-is-${name}`, "aria-label": TITLES[name] ?? name }, alarm, waitingNote);
  setAttr(root, "data-state", "waiting");
  setAttr(root, "data-part", name);
  const frameBox = h("div", { class: "vt-frame" }, root);

  const link = createLink(model, store, {
    changed(names, full) {
      for (const each of full ? [...needs(), "error"] : names) changed.add(each);
      if (!frame) frame = requestAnimationFrame(paint);
    },
    silent(text) {
      if (text === silent) return;
      silent = text;
      paintAlarm();
    },
  });

  const ctx = {
    viewId: link.viewId,
    alone: name !== "desk",
    id: uniqueId,
    look: link.look,
    on: events.on,
    emit: events.emit,
    say: toasts.say,
    /** Send an intent; the reply, or null where none came (the alarm says so). */
    ask: link.ask,
    prefs: {
      get: (key, otherwise) => store.state.prefs?.[key] ?? otherwise,
      set: (key, value) => {
        if (store.state.prefs) store.state.prefs = { ...store.state.prefs, [key]: value };
        return link.ask({ intent: "remember", name: key, value });
      },
    },
    /** Say that a part's `needs` changed. */
    needsChanged: () => link.need(needs()),
  };

  const make = parts[name];
  const part = make ? make(ctx) : { node: h("p", { class: "vt-empty" }, `This module has no panel "${name}".`), needs: [], paint() {} };
  root.append(part.node, toasts.node);
  el.append(frameBox);

  function needs() {
    return [...FRAME_NEEDS, ...part.needs];
  }

  function paintAlarm() {
    const text = silent ?? (store.state.error?.text || store.state.clock?.trouble || "");
    setText(alarm, text ? `⚠ ${text}` : "");
    alarm.hidden = !text;
    waitingNote.hidden = Boolean(text) || store.seq >= 0;
    setAttr(root, "data-trouble", silent || store.state.clock?.trouble ? "true" : null);
  }

  function paint() {
    frame = 0;
    const { state } = store;
    const told = new Set(changed);
    changed.clear();
    paintAlarm();
    if (state.symbol !== undefined) {
      setAttr(root, "data-state", state.error?.closed ? "closed" : "live");
      waitingNote.hidden = true;
      if (part.needs.some((each) => told.has(each))) part.paint(state, told);
    }
    setAttr(root, "data-seq", store.seq);
  }

  function paintTheme() {
    const wanted = model.get("theme");
    const lab = document.body.getAttribute("data-jp-theme-light");
    const dark = lab ? lab === "false" : document.body.classList.contains("vscode-dark") || matchMedia("(prefers-color-scheme: dark)").matches;
    setAttr(root, "data-theme", wanted === "auto" ? (dark ? "dark" : "light") : wanted);
    setAttr(root, "data-follows", wanted === "auto" ? "true" : null);
    events.emit("theme", root.getAttribute("data-theme"));
  }

  // JupyterLab reads single keys as notebook commands ("b" adds a cell): not while a control in here has the focus.
  function keepKeys(event) {
    if (event.target instanceof Element && root.contains(event.target)) {
      event.target.toggleAttribute("data-lm-suppress-shortcuts", !(event.ctrlKey || event.metaKey || event.altKey));
    }
  }

  const themes = new MutationObserver(paintTheme);
  themes.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light", "data-jp-theme-name"] });
  window.addEventListener("keydown", keepKeys, true);
  model.on("change:theme", paintTheme);
  paintTheme();
  link.need(needs());

  return () => {
    model.off("change:theme", paintTheme);
    window.removeEventListener("keydown", keepKeys, true);
    themes.disconnect();
    cancelAnimationFrame(frame);
    part.close?.();
    toasts.close();
    link.close();
    frameBox.remove();
  };
}
