// Where on the tape is now, and what happened when? A line from its beginning to its end, with fills and headlines.
// A press or Enter goes there; what lies in the past is gone to by rewinding, which keeps the journal of before.

import { h, setAttr, setText } from "../dom.js";
import { timeOfDay } from "../format.js";

const SIGNS = { buy: "▲", sell: "▼", news: "■" };
const KEYS = { ArrowRight: 0.01, ArrowUp: 0.01, ArrowLeft: -0.01, ArrowDown: -0.01, PageUp: 0.1, PageDown: -0.1, Home: -2, End: 2 };
const clip = (share) => Math.min(1, Math.max(0, share));

export function createTimeline({ go }) {
  const done = h("div", { class: "vt-tl-done" });
  const aim = h("div", { class: "vt-tl-aim", hidden: true });
  const marks = h("div", { class: "vt-tl-marks", "aria-hidden": "true" });
  const track = h("div", { class: "vt-tl-track", role: "slider", tabindex: "0", "aria-label": "Moment on the tape; Enter goes there", "aria-valuemin": "0", "aria-valuemax": "100" }, done, marks, aim);
  const start = h("span", { class: "vt-sub" });
  const end = h("span", { class: "vt-sub" });
  const hint = h("span", { class: "vt-tl-hint" });
  const node = h("div", { class: "vt-tl" }, start, h("div", { class: "vt-tl-box" }, track, hint), end);
  let line = {};
  let clock = {};
  let wanted = null; // the share of the tape that is aimed at

  const allowed = () => (clock.can ?? []).includes("jump");
  const textAt = (share) => (line.start === null || line.start === undefined ? "" : timeOfDay(line.start + share * (line.end - line.start), true));

  function aimAt(share) {
    wanted = share === null ? null : clip(share);
    aim.hidden = wanted === null;
    if (wanted !== null) aim.style.left = `${100 * wanted}%`;
    const near = wanted === null ? null : (line.marks ?? []).find((mark) => Math.abs(mark.at - wanted) < 0.006);
    const way = wanted === null ? "" : wanted < (clock.progress ?? 0) ? "rewind to" : "jump to";
    setText(hint, wanted === null ? "" : near ? `${near.time} ${SIGNS[near.kind] ?? ""} ${near.text}` : `${way} ${textAt(wanted)}`);
    hint.style.left = `${100 * (wanted ?? 0)}%`;
    setAttr(hint, "data-side", (wanted ?? 0) > 0.6 ? "left" : "right");
    paintValue();
  }

  function paintValue() {
    const share = wanted ?? clock.progress ?? 0;
    setAttr(track, "aria-valuenow", Math.round(100 * share));
    setAttr(track, "aria-valuetext", `${textAt(share)}${wanted === null ? "" : ", press Enter to go there"}`);
  }

  const shareOf = (event) => {
    const box = track.getBoundingClientRect();
    return clip((event.clientX - box.left) / Math.max(1, box.width));
  };
  track.addEventListener("pointermove", (event) => allowed() && aimAt(shareOf(event)));
  track.addEventListener("pointerleave", () => aimAt(null));
  track.addEventListener("blur", () => aimAt(null));
  track.addEventListener("click", (event) => {
    if (!allowed()) return;
    go(shareOf(event));
    aimAt(null);
  });
  track.addEventListener("keydown", (event) => {
    if (!allowed()) return;
    if (event.key === "Enter" && wanted !== null) {
      event.preventDefault();
      go(wanted);
      aimAt(null);
    } else if (event.key === "Escape" && wanted !== null) {
      event.preventDefault();
      aimAt(null);
    } else if (KEYS[event.key]) {
      event.preventDefault();
      aimAt((wanted ?? clock.progress ?? 0) + KEYS[event.key]);
    }
  });

  let marksKey = "";
  return {
    node,
    paint(next, now) {
      clock = now;
      if (next !== line) {
        line = next ?? {};
        const key = JSON.stringify([line.marks, line.branches]);
        if (key !== marksKey) {
          marksKey = key;
          const own = (line.marks ?? []).map((mark) => h("span", { class: `vt-tl-mark vt-tl-mark-${mark.kind}`, style: `left:${100 * mark.at}%` }, SIGNS[mark.kind] ?? "·"));
          const others = (line.branches ?? []).filter((each) => !each.shown).map((each) => h("span", { class: "vt-tl-mark vt-tl-mark-branch", style: `left:${100 * each.at}%` }, "↳"));
          marks.replaceChildren(...own, ...others);
        }
        const days = line.end - line.start >= 86400;
        setText(start, days ? line.start_text?.slice(0, 10) ?? "" : textAt(0).slice(0, 5));
        setText(end, days ? line.end_text?.slice(0, 10) ?? "" : textAt(1).slice(0, 5));
      }
      node.hidden = line.start === null || line.start === undefined;
      done.style.transform = `scaleX(${clip(clock.progress ?? 0)})`;
      setAttr(track, "aria-disabled", allowed() ? null : "true");
      paintValue();
    },
  };
}
