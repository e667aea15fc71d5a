// How does a cost add up, and how far is a queue? Drawn plainly, with every number also as text.

import { isNumber, number, quantity, signed } from "../format.js";

const NS = "http://www.w3.org/2000/svg";
const ROW_PX = 34;
const BAR_PX = 10;

/** An SVG element; `props` are attributes. */
export function s(tag, props = {}, ...children) {
  const node = document.createElementNS(NS, tag);
  for (const [name, value] of Object.entries(props)) if (value !== null && value !== undefined) node.setAttribute(name, value);
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

const percent = (share) => `${Math.round(share * 10000) / 100}%`;

/**
 * Where each bar of a waterfall begins and ends, as shares of the width; the total begins at zero.
 * Gives { zero, bars: [{ name, from, to, money, bps }] }, from never right of to.
 */
export function waterfall(costs) {
  let sum = 0;
  const steps = costs.parts.map((part) => {
    const before = sum;
    sum += part.money;
    return { name: part.name, words: part.words, money: part.money, bps: part.bps, low: Math.min(before, sum), high: Math.max(before, sum) };
  });
  const { money, bps } = costs.total;
  steps.push({ name: "total", words: "all of it", money, bps, low: Math.min(0, money), high: Math.max(0, money) });
  const low = Math.min(0, ...steps.map((step) => step.low));
  const high = Math.max(0, ...steps.map((step) => step.high));
  const width = high - low || 1;
  return {
    zero: (0 - low) / width,
    bars: steps.map((step) => ({ ...step, from: (step.low - low) / width, to: (step.high - low) / width })),
  };
}

/** Money of a cost: cents, and more digits where it is less than one. */
export const moneyText = (value) => signed(value, isNumber(value) && value !== 0 && Math.abs(value) < 0.01 ? 6 : 2);
export const bpsText = (value) => (isNumber(value) ? `${signed(value)} bps` : "");

/** The waterfall as a picture. */
export function drawCosts(costs) {
  const { zero, bars } = waterfall(costs);
  const picture = s("svg", { class: "vt-waterfall", role: "img", width: "100%", height: bars.length * ROW_PX, "aria-label": `Cost in ${costs.currency}: ${bars.map((bar) => `${bar.name} ${moneyText(bar.money)}`).join(", ")}` });
  bars.forEach((bar, index) => {
    const y = index * ROW_PX;
    const total = bar.name === "total";
    const wide = Math.max(bar.to - bar.from, 0.004);
    picture.append(
      s("text", { x: "0", y: y + 13, class: total ? "vt-strong" : "vt-part-name" }, bar.name),
      s("text", { x: "100%", y: y + 13, "text-anchor": "end", class: total ? "vt-strong" : "vt-part-number" }, [moneyText(bar.money), bpsText(bar.bps)].filter(Boolean).join(" · ")),
      s("line", { x1: percent(zero), x2: percent(zero), y1: y + 17, y2: y + 31, class: "vt-zero" }),
      s("rect", { x: percent(Math.min(bar.from, 1 - wide)), width: percent(wide), y: y + 19, height: BAR_PX, rx: 2, class: `vt-part-bar vt-part-${total ? "total" : bar.money < 0 ? "gain" : bar.money > 0 ? "cost" : "none"}` }),
    );
  });
  return picture;
}

/** What a queue is made of: { gone, ahead, mine } in units. */
export function queueParts(queue) {
  const ahead = queue.ahead ?? 0;
  return { gone: Math.max(0, (queue.first ?? ahead) - ahead), ahead, mine: queue.leaves };
}

/** How far a price has come from where it was to where it has to be, 0 to 1. */
export function wayDone({ start, now, goal }) {
  const whole = goal - start;
  if (!whole) return 0;
  return Math.min(1, Math.max(0, (now - start) / whole));
}

/** A picture that is drawn once and moved afterwards. */
export function createQueuePicture() {
  const bars = { gone: s("rect", { y: 4, height: 16, class: "vt-story-queue-gone" }), ahead: s("rect", { y: 4, height: 16, class: "vt-story-queue-ahead" }), mine: s("rect", { y: 4, height: 16, class: "vt-story-queue-mine" }) };
  const words = s("text", { x: "0", y: 36 });
  const right = s("text", { x: "100%", y: 36, "text-anchor": "end" });
  const track = s("rect", { x: "0", width: "100%", y: 10, height: 4, rx: 2, class: "vt-way-track" });
  const done = s("rect", { x: "0", y: 10, height: 4, rx: 2, class: "vt-way-done" });
  const dot = s("circle", { cy: 12, r: 6, class: "vt-way-dot" });
  const line = s("g", {}, bars.gone, bars.ahead, bars.mine);
  const way = s("g", {}, track, done, dot);
  const node = s("svg", { class: "vt-story-queue", role: "img", width: "100%", height: 42 }, line, way, words, right);

  function write(text, text2) {
    if (words.textContent !== text) words.textContent = text;
    if (right.textContent !== text2) right.textContent = text2;
    const label = `${text}; ${text2}`;
    if (node.getAttribute("aria-label") !== label) node.setAttribute("aria-label", label);
  }

  return {
    node,
    paint(queue) {
      const queued = isNumber(queue?.ahead);
      const far = queue?.distance;
      node.toggleAttribute("hidden", !queued && !far);
      line.style.display = queued ? "" : "none";
      way.style.display = !queued && far ? "" : "none";
      if (queued) {
        const parts = queueParts(queue);
        const whole = parts.gone + parts.ahead + parts.mine || 1;
        let at = 0;
        for (const name of ["gone", "ahead", "mine"]) {
          bars[name].setAttribute("x", percent(at));
          bars[name].setAttribute("width", percent(parts[name] / whole));
          at += parts[name] / whole;
        }
        write(`${quantity(parts.gone)} gone · ${quantity(parts.ahead)} ahead`, `yours ${quantity(parts.mine)}`);
      } else if (far) {
        const share = wayDone(far);
        done.setAttribute("width", percent(share));
        dot.setAttribute("cx", percent(Math.min(0.985, Math.max(0.015, share))));
        write(`${far.what} ${number(far.now, far.decimals)}`, `${far.goal_word} ${number(far.goal, far.decimals)}`);
      }
    },
  };
}

