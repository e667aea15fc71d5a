// Why did this order fill, wait or fail? One order's explanation: headline, place in the queue, facts, costs, other models.

import { h, setAttr, setText } from "../dom.js";
import { isNumber, number } from "../format.js";
import { codeLine } from "./blotter-export.js";
import { bpsText, createQueuePicture, drawCosts, moneyText } from "./story-pictures.js";

export const STATUS_SIGNS = { FILLED: "●", PARTIALLY_FILLED: "◐", ACCEPTED: "○", TRIGGERED: "◇", SUBMITTED: "…", INITIALIZED: "…", DENIED: "✕", REJECTED: "✕", CANCELED: "–", EXPIRED: "–" };
export const statusText = (status) => `${STATUS_SIGNS[status] ?? ""} ${String(status ?? "").replaceAll("_", " ")}`.trim();

/** What to ask the coach about an order, by how it stands. */
export function questionOf(now, story) {
  const order = story?.number ? `order #${story.number}` : `order ${now?.id ?? ""}`;
  if (["DENIED", "REJECTED"].includes(now?.status)) return `Why was ${order} refused, and what should I do instead?`;
  if (["ACCEPTED", "TRIGGERED", "SUBMITTED"].includes(now?.status)) return `Why does ${order} not fill, and should I wait?`;
  return `What did ${order} cost me, and could I have traded it better?`;
}

const cells = (tag, texts) => texts.map((text, at) => h(tag, { ...(tag === "th" ? { scope: "col" } : {}), class: at ? "vt-num" : null }, text));

function costTable(costs) {
  const rows = [...costs.parts, { name: "total", words: "all of it", ...costs.total }];
  return h("table", { class: "vt-table vt-plain-table" },
    h("thead", {}, h("tr", {}, ...cells("th", ["Part", costs.currency, "bps"]))),
    h("tbody", {}, ...rows.map((row) => h("tr", { title: row.words }, ...cells("td", [row.name, moneyText(row.money), isNumber(row.bps) ? bpsText(row.bps).replace(" bps", "") : "–"])))));
}

function modelTable(story) {
  const decimals = (story.decimals ?? 2) + 2;
  return h("table", { class: "vt-table vt-plain-table vt-models" },
    h("thead", {}, h("tr", {}, ...cells("th", ["Model", "Price", story.costs?.currency ?? "Cost", "bps"]), h("th", { scope: "col" }, "Remark"))),
    h("tbody", {}, ...story.alternatives.map((row) => h("tr", {}, ...cells("td", [row.model, number(row.price, decimals), moneyText(row.cost), isNumber(row.bps) ? bpsText(row.bps).replace(" bps", "") : "–"]), h("td", { class: "vt-remark" }, row.note)))));
}

/** A part of the explanation under a small heading; hidden while it is empty. */
function chapter(title) {
  const heading = h("h4", { class: "vt-story-head" }, title);
  const body = h("div", {});
  const node = h("section", { class: "vt-story-part", "aria-label": title, hidden: true }, heading, body);
  let key = null;
  return {
    node,
    title(text) {
      setText(heading, text);
      setAttr(node, "aria-label", text);
    },
    set(nextKey, ...children) {
      if (nextKey === key) return;
      key = nextKey;
      body.replaceChildren(...children);
      node.hidden = children.length === 0;
    },
  };
}

/** The explanation of one order. `closed()` hears that its reader is done. */
export function createStory(ctx, closed) {
  const title = h("h3", { class: "vt-story-title", id: ctx.id("story"), tabindex: "-1" });
  const status = h("span", { class: "vt-story-status" });
  const close = h("button", { type: "button", class: "vt-small vt-story-close", "aria-label": "Close the explanation", title: "Close (Escape)", on: { click: closed } }, "×");
  const headline = h("p", { class: "vt-headline" });
  const mend = h("p", { class: "vt-story-mend", hidden: true });
  const picture = createQueuePicture();
  const needs = h("p", { class: "vt-story-needs" });
  const queue = h("section", { class: "vt-story-part", "aria-label": "Its place", hidden: true }, h("h4", { class: "vt-story-head" }, "What has to happen"), picture.node, needs);
  const facts = chapter("What happened");
  const costs = chapter("What it cost");
  const models = chapter("What other models would have charged, without fees");
  const wait = h("p", { class: "vt-sub vt-story-wait", role: "status" });
  const ask = h("button", { type: "button", class: "vt-textlink vt-do-ask", on: { click: () => ctx.emit("ask", { question: questionOf(now, story), order: now?.id }) } }, "Ask the coach about it");
  const review = codeLine(ctx, "");
  const node = h("section", { class: "vt-story", "aria-labelledby": title.id, hidden: true },
    h("div", { class: "vt-story-top" }, title, status, close), headline, mend, queue, costs.node, facts.node, models.node, wait, ctx.alone ? review.node : ask);
  let story = null;
  let now = null;

  node.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    closed();
  });

  function paintFacts() {
    const days = new Set(story.facts.map((fact) => fact.day));
    facts.title(days.size === 1 && story.facts[0].day ? `What happened on ${story.facts[0].day}` : "What happened");
    const rows = story.facts.map((fact) => h("li", {}, h("time", { class: "vt-fact-time" }, (days.size > 1 ? [fact.day, fact.time] : [fact.time]).filter(Boolean).join(" ")), h("span", {}, fact.text)));
    if (story.facts_left_out) rows.splice(Math.ceil(rows.length / 2), 0, h("li", { class: "vt-sub" }, h("span", {}, `… ${story.facts_left_out} more …`)));
    const notes = story.notes.map((note) => h("li", { class: "vt-story-note" }, h("span", {}, note)));
    facts.set(JSON.stringify([story.facts, story.notes]), ...(rows.length + notes.length ? [h("ul", { class: "vt-story-facts" }, ...rows, ...notes)] : []));
  }

  function paintCosts() {
    const told = story.costs;
    if (!told) {
      costs.set("none");
      return;
    }
    const slip = isNumber(told.slippage_bps) ? ` Slippage ${bpsText(told.slippage_bps)}, without fees.` : "";
    costs.set(JSON.stringify(told),
      h("p", { class: "vt-sub" }, `In ${told.currency}, against the ${told.against}; + is a cost.${slip}`), drawCosts(told),
      h("details", { class: "vt-as-table" }, h("summary", {}, "The same as a table"), costTable(told)));
  }

  function paintModels() {
    const rows = story.alternatives ?? [];
    const lacking = (story.lacking ?? []).map((each) => h("p", { class: "vt-sub" }, `${each.models.join(", ")}: ${each.note}`));
    models.set(JSON.stringify([rows, story.lacking]), ...(rows.length ? [h("div", { class: "vt-scroll", tabindex: "0", role: "group", "aria-label": "Models" }, modelTable(story)), ...lacking] : []));
  }

  return {
    node,
    needs: ["story", "story_now"],
    show(id) {
      node.hidden = !id;
      if (!id || now?.id === id) return;
      story = now = null;
      setText(title, "One moment…");
      setText(status, "");
      setText(headline, "");
      mend.hidden = queue.hidden = true;
      for (const each of [facts, costs, models]) each.set("");
      setText(wait, "Looking up what happened…");
    },
    focus: () => title.focus(),
    /** Write what is known of the order that is open. */
    paint(state, id) {
      if (state.story_now?.id === id) {
        now = state.story_now;
        setText(headline, now.headline);
        setText(status, statusText(now.status));
        setAttr(status, "data-tone", now.status ? `status-${now.status}` : null);
        queue.hidden = !now.queue;
        if (now.queue) {
          picture.paint(now.queue);
          setText(needs, now.queue.needs);
        }
        ask.hidden = !now.status;
      }
      if (state.story?.id !== id) return;
      if (state.story.state === "gone") {
        setText(title, `Order ${id}`);
        setText(wait, "");
        return;
      }
      story = state.story;
      setText(title, story.order);
      setText(mend, story.mend);
      mend.hidden = !story.mend;
      review.set(`desk.order("${story.id}").review()`);
      paintFacts();
      paintCosts();
      paintModels();
      const waiting = { loading: "What passed meanwhile, and what other models would have charged, is on its way…", partial: `The rest could not be looked up: ${story.trouble}` };
      setText(wait, waiting[story.state] ?? "");
    },
  };
}
