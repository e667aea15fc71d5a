// What is new, and what is one told of? Headlines and announcements beside the alerts. What others wrote is text here,
// whatever is in it.

import { h, setAttr, setText } from "../dom.js";
import { plural } from "../format.js";
import { createAlertForm } from "./news-form.js";
import { createTeller, unread } from "./news-teller.js";

const NEWS_ROWS = 60; // headlines that are listed, at most
const READ_MS = 3000; // how long news is in sight until it counts as read
const WHO = { headline: "", announcement: "◆ Room", message: "◆ To you" };
const STATES = { fired: "✓ has told", split: "rests: the symbol was split since, set it anew", gone: "rests" };

/** A list whose items keep their identity. make() -> { node, paint(row) } */
function keyedList(list, key, make) {
  const items = new Map();
  return (rows) => {
    const seen = new Set(rows.map((row) => String(row[key])));
    for (const [name, item] of items) {
      if (seen.has(name)) continue;
      item.node.remove();
      items.delete(name);
    }
    let next = list.firstChild;
    for (const row of rows) {
      const name = String(row[key]);
      let item = items.get(name);
      if (!item) items.set(name, (item = make()));
      if (item.node === next) next = next.nextSibling;
      else list.insertBefore(item.node, next);
      item.paint(row);
    }
    list.hidden = rows.length === 0;
  };
}

export function createNews(ctx) {
  let state = {};
  let reading = 0;
  let asked = false;
  const teller = ctx.alone ? createTeller(ctx) : null; // inside the desk it tells whether the news is in sight or not
  const id = ctx.id("news");
  const say = (reply) => reply && ctx.say(reply.text, reply.kind);

  // --- headlines -------------------------------------------------------------------------------------------------------

  const count = h("span", { class: "vt-count" });
  const filter = h("select", { class: "vt-news-filter", "aria-label": "Which news", on: { change: paintNews } });
  const readAll = h("button", { type: "button", class: "vt-small", on: { click: markRead } }, "Mark as read");
  const offers = h("ul", { class: "vt-news-offers", "aria-label": "Tenders open to you" });
  const list = h("ul", { class: "vt-news-list", "aria-label": "Headlines, newest first", tabindex: "0" });
  const none = h("p", { class: "vt-empty" });
  const headlines = h("section", { class: "vt-news-side", "aria-labelledby": `${id}-news` },
    h("div", { class: "vt-news-bar" }, h("h3", { id: `${id}-news` }, "News", count), filter, readAll), offers, list, none);

  const paintOffers = keyedList(offers, "tender", () => {
    let row = {};
    const text = h("span");
    const answer = (accept, word) => h("button", { type: "button", class: "vt-small", on: { click: async () => say(await ctx.ask({ intent: "tender", tender: row.tender, accept })) } }, word);
    const node = h("li", { class: "vt-news-offer" }, h("b", {}, "◆ Tender "), text, h("span", { class: "vt-news-acts" }, answer(true, "Take it"), answer(false, "Leave it")));
    return {
      node,
      paint(next) {
        row = next;
        setText(text, row.text);
      },
    };
  });

  const paintList = keyedList(list, "id", () => {
    let row = {};
    const time = h("span", { class: "vt-news-time" });
    const who = h("span", { class: "vt-news-who" });
    const fresh = h("span", { class: "vt-news-new" }, "new");
    const symbol = h("button", { type: "button", class: "vt-small", on: { click: () => ctx.ask({ intent: "watch", symbol: row.symbol }) } });
    const text = h("span", { class: "vt-news-text" });
    const node = h("li", { class: "vt-news-item" }, time, symbol, who, text, fresh);
    return {
      node,
      paint(next) {
        row = next;
        setText(time, row.time);
        setText(who, WHO[row.kind] ?? "");
        who.hidden = !WHO[row.kind];
        setText(symbol, row.symbol);
        setAttr(symbol, "aria-label", `Show ${row.symbol}`);
        symbol.hidden = !row.symbol;
        setText(text, row.headline);
        setAttr(node, "data-kind", row.kind);
        fresh.hidden = row.ts_s <= readS();
      },
    };
  });

  const readS = () => Number(ctx.prefs.get("news_read", 0)) || 0;

  function markRead() {
    const newest = Math.max(0, ...(state.news ?? []).map((row) => row.ts_s));
    if (newest > readS()) ctx.prefs.set("news_read", newest);
  }

  function paintFilter() {
    const symbols = [...new Set([state.symbol, ...(state.news ?? []).map((row) => row.symbol)])].filter(Boolean);
    const key = symbols.join();
    if (filter.vtKey === key) return;
    filter.vtKey = key;
    const kept = filter.value;
    filter.replaceChildren(h("option", { value: "" }, "All news"), h("option", { value: " room" }, "Announcements"), ...symbols.map((symbol) => h("option", { value: symbol }, symbol)));
    filter.value = kept === " room" || symbols.includes(kept) ? kept : "";
  }

  function paintNews() {
    const news = state.news ?? [];
    const wanted = filter.value;
    const rows = news.filter((row) => !wanted || (wanted === " room" ? row.kind !== "headline" : row.symbol === wanted));
    paintList(rows);
    const left = unread(news, readS()).length;
    setText(count, left ? `${left} new` : "");
    readAll.hidden = left === 0;
    none.hidden = rows.length > 0;
    setText(none, wanted ? "No such news so far." : "No news so far. Headlines and announcements of the room come here.");
    if (left && !reading) {
      reading = setTimeout(() => {
        reading = 0;
        if (node.offsetParent !== null && document.visibilityState === "visible") markRead();
      }, READ_MS);
    }
  }

  // --- alerts ----------------------------------------------------------------------------------------------------------

  const form = createAlertForm(ctx);
  const sound = h("input", { type: "checkbox", on: { change: () => ctx.prefs.set("alert_sound", sound.checked) } });
  const waits = h("ul", { class: "vt-alert-list", "aria-label": "Alerts" });
  const noAlert = h("p", { class: "vt-empty" }, "No alert is set. One tells you when a price, a change or a volume is reached, also while you look elsewhere.");
  const told = h("ul", { class: "vt-alert-told", "aria-label": "Alerts that fired, newest first", tabindex: "0" });
  const toldHead = h("div", { class: "vt-news-bar" }, h("h4", {}, "Fired"), h("button", { type: "button", class: "vt-small", on: { click: async () => say(await ctx.ask({ intent: "alert_clear" })) } }, "Clear fired"));
  const alerts = h("section", { class: "vt-news-side", "aria-labelledby": `${id}-alerts` },
    h("div", { class: "vt-news-bar" }, h("h3", { id: `${id}-alerts` }, "Alerts"), h("label", { class: "vt-alert-sound" }, sound, " sound")), form.node, waits, noAlert, toldHead, told);
  const node = h("div", { class: "vt-news vt-card" }, h("div", { class: "vt-news-grid" }, headlines, alerts));

  const paintAlerts = keyedList(waits, "id", () => {
    let row = {};
    const text = h("span", { class: "vt-alert-text" });
    const away = h("span", { class: "vt-sub vt-alert-away" });
    const again = h("button", { type: "button", class: "vt-small", on: { click: async () => say(await ctx.ask({ intent: "alert", id: row.id })) } }, "Set again");
    const remove = h("button", { type: "button", class: "vt-small", on: { click: async () => say(await ctx.ask({ intent: "alert_clear", id: row.id })) } }, "Remove");
    const line = h("li", { class: "vt-alert-item" }, text, away, h("span", { class: "vt-news-acts" }, again, remove));
    return {
      node: line,
      paint(next) {
        row = next;
        setText(text, row.text.charAt(0).toUpperCase() + row.text.slice(1));
        const times = row.times ? `told ${plural(row.times, "time")}` : "";
        setText(away, [STATES[row.state] ?? row.away, row.state === "fired" ? "" : times].filter(Boolean).join(" · "));
        again.hidden = row.state !== "fired" && row.state !== "split";
        setAttr(again, "aria-label", `Set again: ${row.text}`);
        setAttr(remove, "aria-label", `Remove: ${row.text}`);
        setAttr(line, "data-state", row.state);
      },
    };
  });

  const paintTold = keyedList(told, "n", () => {
    const time = h("span", { class: "vt-news-time" });
    const text = h("span", { class: "vt-news-text" });
    return {
      node: h("li", { class: "vt-news-item" }, time, text),
      paint(row) {
        setText(time, row.time);
        setText(text, row.text);
      },
    };
  });

  if (!ctx.alone) ctx.on("price", ({ price }) => form.pick(price));

  return {
    node,
    needs: ["news", "tenders", "alerts", "fired", "alert_kinds", "symbol", "prefs"],
    paint(next, changed) {
      state = next;
      if (!asked) ctx.look({ news_rows: NEWS_ROWS });
      asked = true;
      teller?.paint(state, changed);
      if (changed.has("symbol") || changed.has("news")) paintFilter();
      if (changed.has("news") || changed.has("prefs")) paintNews();
      if (changed.has("tenders")) paintOffers(state.tenders ?? []);
      form.paint(state);
      if (changed.has("alerts")) {
        paintAlerts(state.alerts ?? []);
        noAlert.hidden = (state.alerts ?? []).length > 0;
      }
      if (changed.has("fired")) {
        paintTold(state.fired ?? []);
        toldHead.hidden = (state.fired ?? []).length === 0;
      }
      sound.checked = ctx.prefs.get("alert_sound", false) === true;
    },
    close() {
      clearTimeout(reading);
      form.close();
    },
  };
}
