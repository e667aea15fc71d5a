// Who leads, where is one's own place, and how sure is it? Own row always in sight, its certainty in words and as a bar.

import { number, plural, signed } from "../format.js";
import { h, keyedTable, setAttr, setText } from "../dom.js";
import { choices } from "./account-choices.js";

const BOARDS = [["xp", "Experience"], ["nav", "Account value"]];
const SETTLE_MS = 10000;
const ALONE = "You are alone in this room, so there is nobody to compare with. In a class, everybody who trades stands here.";
const LOST = { key: "gap", gapRow: true };

export const moveText = (moved) => (moved > 0 ? `▲ ${number(moved, 0)}` : moved < 0 ? `▼ ${number(-moved, 0)}` : moved === 0 ? "=" : "–");
export const ordinal = (value) => `${number(value, 0)}${[11, 12, 13].includes(value % 100) ? "th" : ({ 1: "st", 2: "nd", 3: "rd" }[value % 10] ?? "th")}`;

/** Rows to show: a row of dots where some are left out. */
export const withGaps = (rows) => rows.flatMap((row) => (row.gap ? [LOST, { ...row, key: row.name }] : [{ ...row, key: row.name }]));

/** Where low, score and high stand between 0 and 100, on a scale that holds the scores shown. */
export function spanPlaces({ low, high, me }, rows) {
  if (low === null || high === null || !me) return null;
  const scores = [low, high, me.score, ...rows.map((row) => row.score)];
  const [least, most] = [Math.min(...scores), Math.max(...scores)];
  const place = (value) => (most > least ? 4 + (92 * (value - least)) / (most - least) : 50);
  return { low: place(low), high: place(high), score: place(me.score), others: rows.filter((row) => !row.me).map((row) => place(row.score)) };
}

export function createStandings(ctx) {
  const by = choices("Standings by", BOARDS, (name) => ctx.look({ board: name }));
  const place = h("strong", { class: "vt-own-place" });
  const about = h("span", { class: "vt-sub" });
  const since = h("span", { class: "vt-sub" });
  const band = h("div", { class: "vt-score-span" });
  const mine = h("div", { class: "vt-score-me" });
  const dots = h("div", { class: "vt-score-others" });
  const bar = h("div", { class: "vt-score-band", role: "img" }, dots, band, mine);
  const text = h("p", { class: "vt-rank-doubt" });
  const score = (row) => (told.by === "nav" ? number(row.score) : number(row.score, 0));
  const near = (row) => told.by === "nav" && told.best !== null && !row.me && row.rank >= told.best && row.rank <= told.worst;
  const table = keyedTable({
    label: "Standings", key: "key", empty: "Nobody stands here yet.",
    mark: (row) => ({ "data-me": row.me ? "true" : null, "data-gap": row.gapRow ? "true" : null }),
    columns: [
      { head: "Rank", num: true, cell: (row) => (row.gapRow ? "⋮" : number(row.rank, 0)) },
      { head: "Name", cell: (row) => (row.gapRow ? "" : row.me ? `${row.name} (you)` : row.name), title: (row) => row.name },
      { head: "Score", num: true, cell: (row) => (row.gapRow ? "" : score(row)), title: (row) => (row.gapRow ? "" : score(row)) },
      { head: "Moved", num: true, cell: (row) => (row.gapRow ? "" : moveText(row.moved)) },
      { head: "≈", cell: (row) => (!row.gapRow && near(row) ? "≈" : ""), title: (row) => (!row.gapRow && near(row) ? "Cannot be told apart from your score" : "") },
    ],
  });
  const empty = h("p", { class: "vt-empty" });
  const own = h("div", { class: "vt-own-rank" }, h("div", { class: "vt-own-rank-line" }, place, about, since), bar, text);
  const node = h("section", { class: "vt-card vt-standings", "aria-label": "Standings" }, h("header", { class: "vt-account-head" }, h("h3", {}, "Standings"), by.node), own, empty, table.node);

  let told = { by: "xp" };
  let saving = 0;
  const before = {}; // rank when this view opened, by board

  /** Ranks gained since the panel was last looked at; kept a little after a change, so that a flicker is no news. */
  function sinceThen({ by: board, me }) {
    const name = `rank by ${board}`;
    if (before[board] === undefined) before[board] = ctx.prefs.get(name, null);
    if (ctx.prefs.get(name, null) !== me.rank) {
      clearTimeout(saving);
      saving = setTimeout(() => ctx.prefs.set(name, me.rank), SETTLE_MS);
    }
    return before[board] === null ? null : before[board] - me.rank;
  }

  function paintOwn(rows) {
    const { me } = told;
    own.hidden = !me;
    if (!me) return;
    const of = told.size === null ? "" : ` of ${number(told.size, 0)}`;
    setText(place, told.size === 1 ? `${told.by === "nav" ? number(me.score) : number(me.score, 0)} ${told.by === "nav" ? told.currency : "XP"}` : `Rank ${number(me.rank, 0)}${of}`);
    setText(about, me.percentile === null || told.size === 1 ? "" : `${ordinal(Math.floor(me.percentile))} percentile`);
    setAttr(about, "title", "Share of the others that do no better than you");
    const gained = told.size === 1 ? null : sinceThen(told);
    setText(since, gained ? `${moveText(gained)} since you last looked` : "");
    const at = spanPlaces(told, rows);
    bar.hidden = !at;
    if (at) {
      band.style.left = `${at.low.toFixed(2)}%`;
      band.style.width = `${Math.max(0.5, at.high - at.low).toFixed(2)}%`;
      mine.style.left = `${at.score.toFixed(2)}%`;
      dots.replaceChildren(...at.others.map((left) => h("i", { style: `left:${left.toFixed(2)}%` })));
      setAttr(bar, "aria-label", `Your score ${number(me.score)}, ${told.level_pct} % span ${number(told.low)} to ${number(told.high)}, among ${plural(at.others.length, "other score")} shown`);
    }
    setText(text, told.text);
    setAttr(text, "title", at ? `${signed(told.low - me.score)} to ${signed(told.high - me.score)}` : null);
  }

  return {
    node,
    paint(ranking, standings) {
      told = ranking;
      const rows = standings ?? [];
      by.mark(told.by);
      const alone = rows.length <= 1 && !told.trouble && Boolean(told.me) && told.size === 1;
      setText(empty, told.trouble ? `The standings are not to be had: ${told.trouble}` : alone ? ALONE : "");
      empty.hidden = !(told.trouble || alone);
      table.node.hidden = alone || Boolean(told.trouble);
      paintOwn(rows);
      table.paint(withGaps(rows));
    },
    close: () => clearTimeout(saving),
  };
}
