// What time is it on this desk, and does time pass? Play, pause, speed, step, jump, rewind, fork.
// Which of them are allowed stands in the view: a shared market goes at the pace of its instructor.

import { duration, quantity } from "../format.js";
import { h, icon, setAttr, setIcon, setText } from "../dom.js";
import { createTimeline } from "./time-line.js";

/**
 * How far one press of step and rewind goes, and the speeds on offer, in units of the desk's clock. A unit is what
 * passes in a second at speed 1: a second, or on a tape of bars one bar.
 */
function paces(unit) {
  if (unit >= 3600) return { unit, step: 1, rewind: 5, speeds: [0.5, 1, 2, 5, 20] };
  return { unit, step: 10, rewind: 60, speeds: [1, 2, 5, 10, 30, 60, 300, 1800] };
}

const STATUS = { OPEN: "● OPEN", HALTED: "◆ HALTED", CLOSED: "○ CLOSED", AUCTION: "◇ AUCTION" };

export function createTime(ctx) {
  let state = {};
  const clock = () => state.clock ?? {};
  const pace = () => paces(clock().unit_s ?? 1);
  const tool = (name, picture, act, ...more) => h("button", { type: "button", class: `vt-tool vt-${name}`, on: { click: act } }, picture && icon(picture), ...more);

  async function ask(intent, { loud = false } = {}) {
    const reply = await ctx.ask(intent);
    if (reply && (reply.kind === "error" || loud)) ctx.say(reply.text, reply.kind);
    return reply;
  }

  const time = h("span", { class: "vt-time" });
  const date = h("span", { class: "vt-sub" });
  const status = h("span", { class: "vt-pill" });
  const rewindText = h("span");
  const stepText = h("span");
  const playIcon = icon("play");
  const playText = h("span");
  const rewind = tool("rewind", "rewind", () => ask({ intent: "rewind", seconds: pace().rewind }), rewindText);
  const play = tool("play", null, () => ask(clock().playing || clock().journey ? { intent: "pause" } : { intent: "play", speed: Number(speed.value) || 1 }), playIcon, playText);
  const step = tool("step", "step", () => ask({ intent: "step", seconds: pace().step }), stepText);
  const event = tool("next-event", null, () => ask({ intent: "step" }), "next event");
  const speed = h("select", { class: "vt-speed", "aria-label": "Speed of the market", on: { change: () => clock().playing && ask({ intent: "play", speed: Number(speed.value) }) } });
  const to = h("input", { class: "vt-jump-to", id: ctx.id("jump"), type: "text", inputmode: "numeric", autocomplete: "off", spellcheck: "false", placeholder: "10:30", "aria-label": "Jump to a time, such as 10:30 or 10:30:05" });
  const jump = h("form", { class: "vt-jump", on: { submit: go } }, to, h("button", { type: "submit", class: "vt-tool" }, "Jump"));
  const jumpError = h("p", { class: "vt-tl-error", role: "alert", hidden: true, id: ctx.id("jump-error") });
  const fork = tool("fork", "fork", branchOff, "Fork");
  const branches = h("select", { class: "vt-branches", "aria-label": "Branch of this desk that is shown", on: { change: () => ask({ intent: "branch", branch: Number(branches.value) }) } });
  const waits = h("span", { class: "vt-sub vt-shared" }, "The instructor starts and paces this market.");
  const line = createTimeline({ go: (share) => ask({ intent: "jump", share }) });

  const node = h("section", { class: "vt-card vt-clockwork", "aria-label": "Market clock" },
    h("div", { class: "vt-clock" }, time, h("div", { class: "vt-when" }, date, status)),
    h("div", { class: "vt-transport", role: "group", "aria-label": "Play and pause" }, rewind, play, step, event, speed),
    line.node,
    h("div", { class: "vt-travel", role: "group", "aria-label": "Jump and branches" }, waits, jump, fork, branches, jumpError));

  async function go(submitted) {
    submitted.preventDefault();
    const reply = await ctx.ask({ intent: "jump", to: to.value });
    const wrong = reply?.kind === "error";
    setText(jumpError, wrong ? reply.text : "");
    jumpError.hidden = !wrong;
    setAttr(to, "aria-invalid", wrong ? "true" : null);
    setAttr(to, "aria-describedby", wrong ? jumpError.id : null);
    if (!wrong) to.value = "";
  }

  async function branchOff() {
    const reply = await ask({ intent: "fork" }, { loud: true });
    if (reply?.kind === "ok") await ask({ intent: "branch", branch: reply.data.branch });
  }

  let speedsKey = "";
  function paintSpeeds(wanted) {
    const list = pace().speeds.includes(wanted) || !wanted ? pace().speeds : [...pace().speeds, wanted].sort((a, b) => a - b);
    const { unit } = pace();
    if (`${unit}:${list.join()}` !== speedsKey) {
      speedsKey = `${unit}:${list.join()}`;
      speed.replaceChildren(...list.map((value) => h("option", { value }, unit > 1 ? `${duration(value * unit)}/s` : `${quantity(value)}×`)));
      speed.value = wanted || 1;
    }
    if (wanted && clock().playing && document.activeElement !== speed) speed.value = wanted;
  }

  let branchesKey = "";
  function paintBranches() {
    const list = state.timeline?.branches ?? [];
    const key = list.map((each) => `${each.name} ${each.shown}`).join();
    if (key !== branchesKey) {
      branchesKey = key;
      branches.replaceChildren(...list.map((each) => h("option", { value: each.branch }, each.name)));
      branches.value = String(list.find((each) => each.shown)?.branch ?? 0);
    }
    branches.hidden = list.length < 2;
  }

  function paintPlay() {
    const { playing, ended, journey, can = [] } = clock();
    setIcon(playIcon, playing || journey ? "pause" : "play");
    setText(playText, journey ? `Stop at ${journey.to}` : playing ? "Pause" : "Play");
    setAttr(play, "title", journey ? `On the way to ${journey.to}` : null);
    if (journey) setText(playText, journey.back ? "Going back…" : `Stop (${Math.round(100 * (journey.progress ?? 0))} %)`);
    setAttr(play, "disabled", (Boolean(ended) && !playing && !journey) || !can.includes("play"));
    for (const [button, what] of [[rewind, "rewind"], [step, "step"], [event, "step"], [fork, "fork"], [jump, "jump"]]) button.hidden = !can.includes(what);
    play.hidden = !can.includes("play");
    speed.hidden = !can.includes("speed");
    waits.hidden = can.includes("play") || !clock().shared;
    for (const button of [step, event]) setAttr(button, "disabled", Boolean(ended) || Boolean(journey));
    setAttr(rewind, "disabled", Boolean(journey));
  }

  let stranded = "";
  return {
    node,
    needs: ["clock", "quote", "timeline"],
    paint(next) {
      state = next;
      const { quote } = state;
      setText(status, clock().ended ? "■ TAPE ENDED" : STATUS[quote?.status] ?? quote?.status ?? "");
      setAttr(status, "data-status", clock().ended ? "ENDED" : quote?.status);
      setText(time, clock().time ?? "–");
      setText(date, clock().date ?? "");
      paintPlay();
      const [back, ahead] = [duration(pace().rewind * pace().unit), duration(pace().step * pace().unit)];
      setText(rewindText, back);
      setText(stepText, ahead);
      setAttr(rewind, "aria-label", `Rewind ${back}`);
      setAttr(step, "aria-label", `Step ${ahead}`);
      paintSpeeds(clock().speed);
      paintBranches();
      line.paint(state.timeline, clock());
      if (clock().stranded && clock().stranded !== stranded) ctx.say(clock().stranded, "error");
      stranded = clock().stranded ?? "";
    },
  };
}
