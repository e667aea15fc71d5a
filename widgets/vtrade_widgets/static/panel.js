// How do the parts become one panel? Messages fold into the store; a frame later the parts that need it repaint.
// Nothing here knows a rule of the market: what may be done stands in the view, what is wanted goes up as an intent.

import { h, setAttr, setText } from "./dom.js";
import { createStore } from "./store.js";
import { createChart } from "./chart.js";
import { createAccount, createHeader } from "./header.js";
import { createLadder } from "./ladder.js";
import { createTicket } from "./ticket.js";
import { createBlotter } from "./blotter.js";

const ANSWER_MS = 6000; // how long a click waits for its notice
const HELLO_MS = 2500; // how long a hello waits for the picture
const ALIVE_MS = 60000; // how often a view says that it is still there
const EVERYTHING = ["clock", "symbols", "symbol", "instrument", "quote", "depth", "bars", "orders", "positions", "account", "standings", "progress", "ticket", "news", "notices", "error"];

const QUIET = ["watch", "play", "pause", "step"]; // the panel shows that they worked: no words needed
const NO_ANSWER = "The kernel does not answer. It may be busy with a cell; if it was restarted, run this cell again.";

function render({ model, el }) {
  const viewId = Math.random().toString(36).slice(2, 10);
  const store = createStore();
  const waiting = new Map(); // request -> { resolve, timer }
  const changed = new Set();
  let requests = 0;
  let frame = 0;
  let greeting = 0;
  let noticed = null; // number of the newest notice that was told
  let silent = null;

  const say = (content) => model.send({ ...content, view: viewId });

  /** Send an intent; resolves to its notice, or to null when none came in time. */
  function ask(intent) {
    requests += 1;
    const request = `${viewId}-${requests}`;
    say({ ...intent, request });
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        waiting.delete(request);
        complain(NO_ANSWER);
        resolve(null);
      }, ANSWER_MS);
      waiting.set(request, { resolve, timer });
    });
  }

  const show = (name) => show.to(name);
  const header = createHeader({ ask });
  const account = createAccount({ show });
  const chart = createChart();
  const ladder = createLadder({ pick: (price) => ticket.pick(price) });
  const ticket = createTicket({ ask, viewId });
  const blotter = createBlotter({ ask, show, changeOrder: (order) => ticket.change(order) });
  const parts = [header, account, chart, ladder, ticket, blotter];

  const alarm = h("p", { class: "vt-alarm", role: "alert", hidden: true });
  const waitingNote = h("p", { class: "vt-waiting", role: "status" }, "Opening the desk…");
  const root = h("section", { class: "vt-desk", "aria-label": "Trading desk" },
    alarm, waitingNote, header.node, account.node, h("div", { class: "vt-main" }, chart.node, ladder.node, ticket.node), blotter.node);
  setAttr(root, "data-state", "waiting");
  const frameBox = h("div", { class: "vt-frame" }, root);
  el.append(frameBox);

  function complain(text) {
    silent = text;
    paintAlarm();
  }

  function paintAlarm() {
    const text = silent ?? (store.state.error?.text || store.state.clock?.trouble || "");
    setText(alarm, text ? `⚠ ${text}` : "");
    alarm.hidden = !text;
    waitingNote.hidden = Boolean(text) || store.seq >= 0;
  }

  function hear(message) {
    if (!message || typeof message.seq !== "number") return;
    const names = store.take(message);
    if (names === null) {
      if (!greeting) hello();
      return;
    }
    silent = null;
    clearTimeout(greeting);
    greeting = 0;
    for (const name of message.full ? EVERYTHING : names) changed.add(name);
    for (const notice of store.state.notices ?? []) {
      const waiter = waiting.get(notice.request);
      if (!waiter) continue;
      clearTimeout(waiter.timer);
      waiting.delete(notice.request);
      waiter.resolve(notice);
    }
    if (!frame) frame = requestAnimationFrame(paint);
  }

  function paint() {
    frame = 0;
    const state = store.state;
    const told = new Set(changed);
    changed.clear();
    paintAlarm();
    if (state.symbol !== undefined) {
      setAttr(root, "data-state", state.error?.closed ? "closed" : "live");
      waitingNote.hidden = true;
      for (const part of parts) if (part.needs.some((name) => told.has(name))) part.paint(state, told);
    }
    if (told.has("notices")) {
      const newest = state.notices?.filter((notice) => notice.kind === "error" || !QUIET.includes(notice.about)).at(-1);
      if (newest && newest.n !== noticed) {
        ticket.tell(newest);
        noticed = newest.n;
      }
    }
    setAttr(root, "data-seq", store.seq);
  }

  /** Ask for the whole picture, three times at most before the trader is told. */
  function hello(tries = 3) {
    say({ hello: true });
    greeting = setTimeout(() => {
      greeting = 0;
      if (tries > 1) hello(tries - 1);
      else complain(NO_ANSWER);
    }, HELLO_MS);
  }

  function paintTheme() {
    const wanted = model.get("theme");
    const lab = document.body.getAttribute("data-jp-theme-light");
    const dark = lab ? lab === "false" : document.body.classList.contains("vscode-dark") || matchMedia("(prefers-color-scheme: dark)").matches;
    setAttr(root, "data-theme", wanted === "auto" ? (dark ? "dark" : "light") : wanted);
    setAttr(root, "data-follows", wanted === "auto" ? "true" : null);
    chart.recolour();
  }

  // JupyterLab reads single keys as notebook commands ("b" adds a cell): not while a control in here has the focus.
  function keepKeys(event) {
    if (event.target instanceof Element && root.contains(event.target)) {
      event.target.toggleAttribute("data-lm-suppress-shortcuts", !(event.ctrlKey || event.metaKey || event.altKey));
    }
  }

  const themes = new MutationObserver(paintTheme);
  themes.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light", "data-jp-theme-name"] });
  const alive = setInterval(() => say({ alive: true }), ALIVE_MS);
  window.addEventListener("keydown", keepKeys, true);
  model.on("msg:custom", hear);
  model.on("change:theme", paintTheme);
  paintTheme();
  hello();

  return () => {
    model.off("msg:custom", hear);
    model.off("change:theme", paintTheme);
    window.removeEventListener("keydown", keepKeys, true);
    themes.disconnect();
    clearInterval(alive);
    clearTimeout(greeting);
    cancelAnimationFrame(frame);
    for (const { timer } of waiting.values()) clearTimeout(timer);
    for (const part of parts) part.close?.();
    try {
      say({ bye: true });
    } catch {
      // the kernel is gone already
    }
    frameBox.remove();
  };
}

export default { render };
