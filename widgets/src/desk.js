// How do the parts become one desk? Chart, ladder and ticket above, everything else behind tabs below; wide pages get
// two sets of tabs, narrow ones a single column. Only what is in sight is looked at. The layout is remembered.

import { h, setAttr, tabs } from "./dom.js";
import { createHeader } from "./parts/header.js";
import { createTeller } from "./parts/news-teller.js";
import { createAwards } from "./parts/progress-awards.js";

const WIDE_PX = 1280; // two sets of tabs side by side
const LOWER_PX = { least: 140, most: 900, first: 300, step: 20 };
const PAGES = [
  { name: "blotter", title: "Blotter", side: "left" },
  { name: "account", title: "Account", side: "left" },
  { name: "watch", title: "Market", side: "right" },
  { name: "news", title: "News", side: "right" },
  { name: "progress", title: "Progress", side: "right" },
  { name: "coach", title: "Coach", side: "right" },
];

export function createDesk(ctx, parts) {
  const made = new Map();
  const part = (name) => {
    if (!made.has(name) && parts[name]) made.set(name, parts[name](ctx));
    return made.get(name);
  };
  const header = createHeader(ctx);
  const always = [header, createAwards(ctx), createTeller(ctx), ...["time", "chart", "ladder", "ticket"].map(part).filter(Boolean)];
  const main = h("div", { class: "vt-main" }, ...["chart", "ladder", "ticket"].map((name) => part(name)?.node));
  const splitter = h("div", { class: "vt-splitter", role: "separator", tabindex: "0", "aria-orientation": "horizontal", "aria-label": "Height of the lower panels", "aria-valuemin": LOWER_PX.least, "aria-valuemax": LOWER_PX.most });
  const pages = PAGES.filter((page) => parts[page.name]).map((page) => ({ ...page, node: part(page.name).node }));
  const lower = h("div", { class: "vt-lower" });
  const node = h("div", { class: "vt-board" }, header.node, part("time")?.node, main, splitter, lower);

  let sets = []; // the sets of tabs on the page: [{ side, control, items }]
  let wide = null;
  let state = {};
  const chosen = { left: null, right: null };
  let remembered = false;

  const inSight = () => [...always, ...sets.map((set) => made.get(set.control.chosen())).filter(Boolean)];

  function build() {
    const groups = wide ? ["left", "right"] : ["both"];
    sets = groups.map((side) => ({ side, items: pages.filter((page) => side === "both" || page.side === side) })).filter(({ items }) => items.length).map(({ side, items }) => {
      const control = tabs(side === "right" ? "Market and help" : "Orders and account", items, (name) => turned(side, name));
      return { side, control, items };
    });
    lower.replaceChildren(...sets.map((set) => h("section", { class: "vt-card vt-tabset" }, set.control.node)));
    setAttr(lower, "data-sets", sets.length);
    for (const set of sets) {
      const wanted = set.side === "both" ? chosen.left ?? chosen.right : chosen[set.side];
      if (wanted && set.items.some((item) => item.name === wanted)) set.control.choose(wanted);
    }
  }

  function turned(side, name) {
    const page = PAGES.find((each) => each.name === name);
    chosen[page.side] = name;
    if (!wide) chosen.last = name;
    const shown = made.get(name);
    if (shown && state.symbol !== undefined) shown.paint(state, new Set(shown.needs));
    ctx.needsChanged();
    if (remembered) ctx.prefs.set("layout", layout());
  }

  const layout = () => ({ left: chosen.left, right: chosen.right, lower: Number(splitter.getAttribute("aria-valuenow")) || LOWER_PX.first });

  function setLower(px) {
    const height = Math.round(Math.min(LOWER_PX.most, Math.max(LOWER_PX.least, px)));
    lower.style.setProperty("--vt-lower", `${height}px`);
    setAttr(splitter, "aria-valuenow", height);
    return height;
  }

  splitter.addEventListener("keydown", (event) => {
    const by = { ArrowUp: LOWER_PX.step, ArrowDown: -LOWER_PX.step }[event.key];
    if (!by) return;
    event.preventDefault();
    setLower(layout().lower + by);
    ctx.prefs.set("layout", layout());
  });
  splitter.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    splitter.setPointerCapture(event.pointerId);
    const from = { y: event.clientY, height: layout().lower };
    const move = (at) => setLower(from.height + from.y - at.clientY);
    const end = () => {
      splitter.removeEventListener("pointermove", move);
      splitter.removeEventListener("pointerup", end);
      splitter.removeEventListener("pointercancel", end);
      ctx.prefs.set("layout", layout());
    };
    splitter.addEventListener("pointermove", move);
    splitter.addEventListener("pointerup", end);
    splitter.addEventListener("pointercancel", end);
  });

  const widths = new ResizeObserver(() => {
    const now = node.clientWidth >= WIDE_PX;
    if (node.clientWidth === 0 || now === wide) return;
    wide = now;
    build();
    ctx.needsChanged();
  });
  widths.observe(node);
  setLower(LOWER_PX.first);
  wide = false;
  build();

  ctx.on("tab", (name) => sets.find((set) => set.items.some((item) => item.name === name))?.control.choose(name));
  ctx.on("unread", (count) => sets.find((set) => set.items.some((item) => item.name === "news"))?.control.count("news", count ? String(count) : ""));
  ctx.on("ask", () => ctx.emit("tab", "coach"));

  function recall(saved) {
    remembered = true;
    if (!saved) return;
    for (const side of ["left", "right"]) {
      if (PAGES.some((page) => page.name === saved[side] && page.side === side)) chosen[side] = saved[side];
    }
    if (Number.isFinite(saved.lower)) setLower(saved.lower);
    remembered = false; // what is recalled need not be remembered again
    for (const set of sets) {
      const wanted = set.side === "both" ? chosen.left : chosen[set.side];
      if (wanted && set.items.some((item) => item.name === wanted)) set.control.choose(wanted);
    }
    remembered = true;
  }

  return {
    node,
    get needs() {
      return [...new Set(inSight().flatMap((each) => each.needs))];
    },
    paint(next, changed) {
      state = next;
      setAttr(node, "data-forked", state.clock?.forked ? "true" : null);
      if (!remembered && state.prefs) recall(state.prefs.layout);
      for (const each of inSight()) if (each.needs.some((name) => changed.has(name))) each.paint(state, changed);
    },
    close() {
      widths.disconnect();
      for (const each of made.values()) each.close?.();
    },
  };
}
