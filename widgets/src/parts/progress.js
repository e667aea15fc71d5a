// What was learned, what is next, and who leads? Level, missions, badges, streaks; standings with their certainty.

import { number, plural } from "../format.js";
import { h, keyedTable, setAttr, setText, tabs } from "../dom.js";
import { createAwards } from "./progress-awards.js";
import { createStandings } from "./progress-standings.js";

const WITHOUT = "You look on without an account: experience and badges are earned by those who trade here.";
const share = (done, goal) => (goal > 0 ? Math.min(100, (100 * done) / goal) : 100);

/** How far one is on the way from the present level to the next, in percent. */
export const levelShare = ({ xp, level_xp: from, next_level_xp: to }) => (to === null ? 100 : share(xp - from, to - from));

function meter(label) {
  const fill = h("div", { class: "vt-xp-fill" });
  const node = h("div", { class: "vt-xp-meter", role: "progressbar", "aria-label": label, "aria-valuemin": "0", "aria-valuemax": "100" }, fill);
  return {
    node,
    paint(percent, text) {
      fill.style.transform = `scaleX(${(percent / 100).toFixed(4)})`;
      setAttr(node, "aria-valuenow", Math.round(percent));
      setAttr(node, "aria-valuetext", text);
    },
  };
}

/** A list whose entries are made once by id and then painted. */
function listOf(className, make) {
  const node = h("ul", { class: className });
  const entries = new Map();
  return {
    node,
    paint(rows) {
      for (const row of rows) {
        if (!entries.has(row.id)) {
          entries.set(row.id, make(row));
          node.append(entries.get(row.id).node);
        }
        entries.get(row.id).paint(row);
      }
      const kept = new Set(rows.map((row) => row.id));
      for (const [id, entry] of entries) {
        if (kept.has(id)) continue;
        entry.node.remove();
        entries.delete(id);
      }
    },
  };
}

function mission(row) {
  const bar = meter(row.name);
  const [state, next] = [h("span", { class: "vt-sub" }), h("p", { class: "vt-mission-next" })];
  const node = h("li", { class: "vt-mission" }, h("div", { class: "vt-xp-line-head" }, h("b", {}, row.name), state), bar.node, h("p", { class: "vt-sub" }, row.about), next);
  return {
    node,
    paint({ done, goal, xp, next: step }) {
      const over = done >= goal;
      setText(state, over ? `✓ done, ${number(xp, 0)} XP` : `${done} of ${goal} · ${number(xp, 0)} XP`);
      bar.paint(share(done, goal), `${done} of ${goal}`);
      setText(next, step ? `Next: ${step}` : "");
      next.hidden = !step;
      setAttr(node, "data-done", over ? "true" : null);
    },
  };
}

function badge(row) {
  const [sign, state] = [h("span", { class: "vt-badge-sign", "aria-hidden": "true" }), h("span", { class: "vt-sub" })];
  const node = h("li", { class: "vt-medal" }, sign, h("div", {}, h("b", {}, row.title), h("p", { class: "vt-sub" }, row.about), state));
  return {
    node,
    paint({ earned, done, goal }) {
      setText(sign, earned ? "★" : "☆");
      setText(state, earned ? "earned" : `not yet: ${done} of ${goal}`);
      setAttr(node, "data-earned", earned ? "true" : null);
    },
  };
}

function streak(row) {
  const [length, next] = [h("b"), h("span", { class: "vt-sub" })];
  const node = h("li", { class: "vt-habit" }, h("div", { class: "vt-xp-line-head" }, h("b", {}, row.name), length), h("p", { class: "vt-sub" }, row.about), next);
  return {
    node,
    paint({ length: now, best, next: bonus }) {
      setText(length, plural(now, "session"));
      setText(next, `longest ${number(best, 0)}${bonus ? ` · ${number(bonus[1], 0)} XP at ${number(bonus[0], 0)}` : ""}`);
    },
  };
}

export function createProgress(ctx) {
  const [level, title, towards] = [h("b", { class: "vt-xp-number" }), h("span", { class: "vt-xp-title" }), h("span", { class: "vt-sub" })];
  const xp = meter("Experience towards the next level");
  const head = h("header", { class: "vt-xp-level" }, level, h("div", { class: "vt-xp-line" }, h("div", { class: "vt-xp-line-head" }, title, towards), xp.node));
  const missions = listOf("vt-missions", mission);
  const badges = listOf("vt-medals", badge);
  const streaks = listOf("vt-habits", streak);
  const ways = keyedTable({
    label: "How to earn experience", key: "name", empty: "Nothing is paid here.",
    columns: [
      { head: "What to do", kind: "grow", cell: (row) => `${row.name}: ${row.about}` },
      { head: "XP", num: true, cell: (row) => number(row.xp, 0) },
      { head: "Earned", num: true, cell: (row) => `${number(row.earned, 0)} of ${number(row.cap, 0)}` },
    ],
  });
  const awards = keyedTable({
    label: "Experience lately", key: "key", empty: "No experience yet. Write a plan before your first order: that pays at once.",
    columns: [
      { head: "Time", cell: (row) => row.time },
      { head: "For", kind: "grow", cell: (row) => row.title },
      { head: "XP", num: true, cell: (row) => `+${number(row.xp, 0)}` },
    ],
  });
  const pages = tabs("Progress", [
    { name: "missions", title: "Missions", node: missions.node },
    { name: "badges", title: "Badges", node: badges.node },
    { name: "streaks", title: "Streaks", node: streaks.node },
    { name: "awards", title: "Earned", node: awards.node },
    { name: "ways", title: "How to", node: ways.node },
  ], (name) => ctx.prefs.set("progress page", name));
  const standings = createStandings(ctx);
  const own = h("section", { class: "vt-card vt-learned", "aria-label": "Progress" }, head, pages.node);
  const without = h("p", { class: "vt-card vt-empty", hidden: true }, WITHOUT);
  const node = h("div", { class: "vt-progress-part" }, h("div", { class: "vt-progress-body" }, without, own, standings.node));
  const news = ctx.alone ? createAwards(ctx) : null; // in a desk, the desk itself tells of them
  let first = true;

  function paintProgress(progress) {
    without.hidden = Boolean(progress.account);
    own.hidden = !progress.account;
    if (!progress.account) return;
    setText(level, progress.level);
    setAttr(level, "aria-label", `Level ${progress.level}`);
    setText(title, progress.title);
    const left = progress.next_level_xp === null ? "the top level" : `${number(progress.next_level_xp - progress.xp, 0)} to ${progress.next_title}`;
    setText(towards, `${number(progress.xp, 0)} XP · ${left}`);
    xp.paint(levelShare(progress), `${number(progress.xp, 0)} XP, ${left}`);
  }

  function paintLearning(learning) {
    missions.paint(learning.missions);
    badges.paint(learning.collection);
    streaks.paint(learning.streaks);
    ways.paint(learning.ways);
    awards.paint(learning.awards.map((award, at) => ({ ...award, key: `${award.seq}/${at}` })));
    pages.count("badges", `${learning.collection.filter(({ earned }) => earned).length}/${learning.collection.length}`);
    pages.count("missions", `${learning.missions.filter(({ done, goal }) => done >= goal).length}/${learning.missions.length}`);
  }

  return {
    node,
    needs: ["progress", "learning", "ranking", "standings", ...(news?.needs ?? [])],
    paint(state, changed) {
      if (first) {
        first = false;
        const page = ctx.prefs.get("progress page", "missions");
        if (["missions", "badges", "streaks", "awards", "ways"].includes(page)) pages.choose(page);
      }
      if (state.progress && changed.has("progress")) paintProgress(state.progress);
      if (state.learning && changed.has("learning")) paintLearning(state.learning);
      if (state.ranking && (changed.has("ranking") || changed.has("standings"))) standings.paint(state.ranking, state.standings);
      news?.paint(state);
    },
    close: () => standings.close(),
  };
}
