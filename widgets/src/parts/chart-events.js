// What happened when? News and halts stand over the time axis; each tells its words on hover and on focus.

import { groupsOf } from "./chart-math.js";
import { h, setAttr, setText } from "../dom.js";
import { plural } from "../format.js";

const GAP_PX = 20; // things that are closer than that are told together
const LOGO_PX = 58; // left of this stands the mark of the library
const SIGNS = { news: "N", halt: "H", both: "N H" };

export function createEvents(overlay, plot, ctx) {
  const strip = h("div", { class: "vt-events", role: "toolbar", "aria-label": "News and halts, from left to right" });
  const bands = h("div", { class: "vt-bands", "aria-hidden": "true" });
  overlay.append(bands, strip);
  const buttons = []; // [{ node, sign, tip, group }], those that are not needed are hidden
  const stripes = [];
  let items = []; // [{ t, kind, texts }]
  let halts = [];
  let current = 0; // the one that Tab reaches

  function button(i) {
    if (buttons[i]) return buttons[i];
    const id = ctx.id("event");
    const tip = h("span", { class: "vt-event-tip", role: "tooltip", id });
    const sign = h("span", { "aria-hidden": "true" });
    const node = h("button", { type: "button", class: "vt-event", "aria-describedby": id, tabindex: "-1" }, sign);
    const box = h("span", { class: "vt-event-box" }, node, tip);
    node.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (event.key === "Escape") setAttr(box, "data-quiet", "true");
      if (!by) return;
      event.preventDefault();
      event.stopPropagation();
      const to = buttons[i + by];
      if (!to || to.box.hidden) return;
      choose(i + by);
      to.node.focus();
    });
    for (const name of ["blur", "pointerenter"]) node.addEventListener(name, () => setAttr(box, "data-quiet", null));
    node.addEventListener("focus", () => choose(i));
    strip.append(box);
    buttons[i] = { node, box, sign, tip };
    return buttons[i];
  }

  function choose(i) {
    current = i;
    buttons.forEach((each, n) => setAttr(each.node, "tabindex", n === current ? "0" : "-1"));
  }

  function place() {
    const { width, foot } = plot.size();
    strip.style.bottom = `${foot}px`;
    strip.style.width = bands.style.width = `${width}px`;
    bands.style.bottom = `${foot}px`;
    const seen = items.map((item) => ({ ...item, x: plot.xOf(item.t) })).filter(({ x }) => x !== null && x >= GAP_PX / 2 && x <= width - GAP_PX / 2);
    const groups = groupsOf(seen, GAP_PX);
    groups.forEach((group, i) => {
      const { node, box, sign, tip } = button(i);
      const kinds = new Set(group.items.map((item) => item.kind));
      const kind = kinds.size > 1 ? "both" : [...kinds][0];
      const texts = group.items.flatMap((item) => item.texts);
      box.hidden = false;
      box.style.left = `${Math.round(group.x)}px`;
      setAttr(box, "data-kind", kind);
      setAttr(box, "data-high", group.x < LOGO_PX ? "true" : null);
      setAttr(box, "data-edge", group.x < width / 3 ? "left" : group.x > (2 * width) / 3 ? "right" : null);
      setText(sign, SIGNS[kind]);
      setText(tip, texts.join("\n"));
      setAttr(node, "aria-label", kind === "news" ? plural(texts.length, "headline") : kind === "halt" ? "Trading halt" : "News and a trading halt");
    });
    for (let i = groups.length; i < buttons.length; i += 1) buttons[i].box.hidden = true;
    if (current >= groups.length || !buttons[current]) choose(Math.max(0, groups.length - 1));
    else if (buttons[current].node.tabIndex !== 0) choose(current);
    halts.forEach((halt, i) => {
      const stripe = (stripes[i] ??= bands.appendChild(h("div", { class: "vt-band" })));
      const from = plot.xOf(halt.t);
      const to = halt.until === null ? width : plot.xOf(halt.until);
      stripe.hidden = from === null || to === null || to < 0 || from > width;
      if (stripe.hidden) return;
      stripe.style.left = `${Math.round(Math.max(0, from))}px`;
      stripe.style.width = `${Math.max(3, Math.round(Math.min(width, to) - Math.max(0, from)))}px`;
    });
    for (let i = halts.length; i < stripes.length; i += 1) stripes[i].hidden = true;
  }

  return {
    paint(marks) {
      halts = marks?.halts ?? [];
      const more = ({ headlines, more: rest }) => (rest ? [...headlines, `and ${plural(rest, "more headline")}`] : headlines);
      items = [
        ...(marks?.news ?? []).map((each) => ({ t: each.t, kind: "news", texts: more(each) })),
        ...halts.map((each) => ({ t: each.t, kind: "halt", texts: [each.text] })),
      ];
      place();
    },
    place,
  };
}
