// What became of the orders, what was filled, what is held? Lists with filters and pages, and the story of one order.

import { h, setAttr, setText, tabs } from "../dom.js";
import { arrow, number, plural, quantity, signed, tone } from "../format.js";
import { askOnce, createFilters, createPager, segments } from "./blotter-bar.js";
import { fillColumns, orderColumns, positionColumns, sortRows } from "./blotter-columns.js";
import { createEditor } from "./blotter-edit.js";
import { createExport } from "./blotter-export.js";
import { createTable } from "./blotter-table.js";
import { createStory } from "./story.js";

const STATES = [["all", "All"], ["working", "Working"], ["filled", "Filled"], ["ended", "Ended"], ["refused", "Refused"]];
const EMPTY = {
  orders: "No orders yet. Choose a quantity and press Buy or Sell: every order appears here, with the reason for whatever happens to it.",
  fills: "No fills yet. Whatever trades appears here with its price, its fee and why it traded; open one to see what it cost.",
  positions: "Flat: nothing is held. A filled order opens a position, with its gain or loss in plain numbers.",
};

export function createBlotter(ctx) {
  let look = null; // what is looked at, as the view last told it, with what was wished for since
  let story = ""; // the order whose explanation is open
  let back = null; // where the focus goes when it is closed
  let positionSort = "";
  let state = {};

  const wish = async (changes, words) => {
    look = { ...look, ...words };
    paintWishes();
    const reply = await ctx.look(changes);
    if (reply?.kind === "error") ctx.say(reply.text, "error");
  };

  /** Send an intent of a row's button; a refusal is said, and the button rests meanwhile. */
  const act = async (intent, button) => {
    if (button) button.disabled = true;
    const reply = await ctx.ask(intent);
    if (button) button.disabled = false;
    if (reply) ctx.say(reply.text, reply.kind);
  };

  function openStory(id, from) {
    if (!id) return;
    back = from ?? null;
    showStory(String(id));
    wish({ story }, { story });
    ctx.ask({ intent: "explained", id: story });
    explain.focus();
  }

  function showStory(id) {
    mark(story, id);
    explain.show(story);
    setAttr(node, "data-story", "open");
    ctx.needsChanged();
    explain.paint(state, story);
  }

  /** Another order is explained: its row shows it. */
  function mark(before, id) {
    story = id;
    for (const each of [before, id]) lists.orders.table.repaint(each);
  }

  function closeStory() {
    const to = back;
    mark(story, "");
    back = null;
    explain.show("");
    setAttr(node, "data-story", null);
    ctx.needsChanged();
    wish({ story: "" }, { story: "" });
    if (to) to.table.focus(to.key);
  }

  // --- the three lists ---------------------------------------------------------------------------------------------

  const editor = createEditor(ctx, (id, focus) => {
    lists.orders.table.repaint(id);
    const tr = lists.orders.table.row(id);
    if (focus) (tr?.querySelector(".vt-do-change") ?? tr?.querySelector(".vt-open"))?.focus();
  });
  const opened = (list, key) => (row) => openStory(row.id, { table: lists[list].table, key: row[key] });
  const lists = {
    orders: list("orders", createTable({
      label: "Orders", key: "id", columns: orderColumns({ ask: act, editor, open: opened("orders", "id") }), open: opened("orders", "id"),
      mark: (row) => ({ "data-status": row.status, "data-id": row.id, "aria-current": row.id === story ? "true" : null }),
      sorted: (sort) => wish({ orders_sort: sort, orders_from: 0 }, { orders_sort: sort }), kept: editor.edits,
    })),
    fills: list("fills", createTable({
      label: "Fills", key: "seq", columns: fillColumns({ open: opened("fills", "seq") }), open: opened("fills", "seq"),
      mark: (row) => ({ "data-id": row.id }), sorted: (sort) => wish({ fills_sort: sort, fills_from: 0 }, { fills_sort: sort }),
    })),
    positions: list("positions", createTable({
      label: "Positions", key: "symbol", columns: positionColumns({ ask: act }), open: (row) => ctx.ask({ intent: "watch", symbol: row.symbol }),
      mark: (row) => ({ "data-symbol": row.symbol }),
      sorted: (sort) => {
        positionSort = sort;
        paintPositions();
      },
    })),
  };

  function list(name, table) {
    const nothing = h("p", { class: "vt-empty" }, EMPTY[name]);
    const all = h("button", { type: "button", class: "vt-small", hidden: true, on: { click: showAll } }, "Show all");
    const box = h("div", { class: "vt-list-box" }, table.node, nothing, all);
    return { name, table, nothing, all, box };
  }

  function showAll() {
    wish({ blotter_state: "all", blotter_symbol: "", blotter_side: "", blotter_text: "", orders_from: 0, fills_from: 0 }, { state: "all", symbol: "", side: "", text: "" });
  }

  // --- above and below ---------------------------------------------------------------------------------------------

  const chosen = () => pages.chosen();
  const states = segments("Orders shown", STATES, (value) => wish({ blotter_state: value, orders_from: 0 }, { state: value }));
  const filters = createFilters((changes) => wish({ ...changes, orders_from: 0, fills_from: 0 },
    Object.fromEntries(Object.entries(changes).map(([name, value]) => [name.replace("blotter_", ""), value]))));
  const order = h("select", { class: "vt-list-filter vt-list-sort-select", "aria-label": "Sorted by", on: { change: () => sortBy(order.value) } });
  const pager = createPager((from) => wish({ [`${chosen()}_from`]: from }, {}), (rows) => wish({ blotter_rows: rows, orders_from: 0, fills_from: 0 }, { rows }));
  const out = createExport(ctx, chosen);
  const cancelAll = askOnce({ name: "cancel-all", label: "Cancel all", yes: "Yes, cancel", act: () => act({ intent: "cancel_all" }),
    question: () => `Cancel ${plural(state.tally.orders.working_count, "working order")}?` });
  const flatten = askOnce({ name: "flatten", label: "Flatten all", yes: "Yes, flatten", act: () => act({ intent: "flatten" }),
    question: () => {
      const { orders, positions } = state.tally;
      const parts = [[orders.working_count, `cancel ${plural(orders.working_count, "order")}`], [positions.count, `close ${plural(positions.count, "position")} at market`]];
      const text = parts.filter(([count]) => count).map(([, words]) => words).join(" and ");
      return `${text.charAt(0).toUpperCase()}${text.slice(1)}?`;
    } });
  const choices = h("div", { class: "vt-list-choices" }, states.node, ...filters.nodes, order);
  const more = h("button", { type: "button", class: "vt-small vt-list-more", "aria-expanded": "false", on: { click: () => {
    const open = !choices.hasAttribute("data-open");
    setAttr(choices, "data-open", open);
    setAttr(more, "aria-expanded", String(open));
  } } }, "Filter and sort");
  const bar = h("div", { class: "vt-list-bar" }, more, choices, h("span", { class: "vt-list-push" }), cancelAll.node, flatten.node);
  const below = h("div", { class: "vt-list-below" }, out.node, pager.node);
  const pages = tabs("Orders, fills and positions", [
    { name: "orders", title: "Orders", node: lists.orders.box },
    { name: "fills", title: "Fills", node: lists.fills.box },
    { name: "positions", title: "Positions", node: lists.positions.box },
  ], turned);
  pages.node.querySelector(".vt-tabs").after(bar);
  pages.node.append(below);
  const explain = createStory(ctx, closeStory);
  const node = h("section", { class: "vt-card vt-blotter", "aria-label": "Orders, fills and positions" }, pages.node, explain.node);

  function turned() {
    paintAll(true);
    ctx.needsChanged();
  }

  const sortOf = (name) => (name === "positions" ? positionSort : look?.[`${name}_sort`] ?? "");
  function sortBy(sort) {
    const name = chosen();
    if (name === "positions") {
      positionSort = sort;
      paintPositions();
    } else {
      wish({ [`${name}_sort`]: sort, [`${name}_from`]: 0 }, { [`${name}_sort`]: sort });
    }
  }

  let offered = "";
  function paintSorts() {
    const name = chosen();
    lists[name].table.setSort(sortOf(name) || (name === "positions" ? "" : "-time"));
    if (offered !== name) {
      offered = name;
      const heads = [...lists[name].table.node.querySelectorAll("th[data-column]")].map((th) => [th.dataset.column, th.querySelector("button").firstChild.textContent]);
      order.replaceChildren(h("option", { value: "" }, name === "positions" ? "As dealt" : "Newest first"),
        ...heads.flatMap(([column, head]) => [h("option", { value: column }, `${head} ▲`), h("option", { value: `-${column}` }, `${head} ▼`)]));
    }
    order.value = sortOf(name);
  }

  /** What follows from a wish at once, before the view has it. */
  function paintWishes() {
    if (!look) return;
    states.set(look.state);
    const on = [look.state === "all" ? "" : look.state, look.symbol, look.side, look.text].filter(Boolean);
    setText(more, on.length ? `Filter: ${on.join(", ")}` : "Filter and sort");
    filters.set(look);
    paintSorts();
  }

  // --- painting ----------------------------------------------------------------------------------------------------

  function paintList(name, rows) {
    const { table, nothing, all } = lists[name];
    table.paint(rows);
    const told = state.tally?.[name];
    const filtered = name !== "positions" && told?.total > 0 && rows.length === 0;
    setText(nothing, filtered ? (told.matching ? "This page is past the end of the list." : "Nothing fits this filter.") : EMPTY[name]);
    nothing.hidden = table.size > 0;
    all.hidden = !filtered;
  }

  function paintPositions() {
    paintList("positions", sortRows(state.positions ?? [], positionSort));
    paintSorts();
    const sums = state.tally?.positions;
    const { foot } = lists.positions.table;
    foot.hidden = !sums || !lists.positions.table.size;
    if (!sums) return;
    const row = (label, value, open, done) => ["", label, "", "", "", value === null ? "" : number(value), open === null ? "" : `${arrow(open)} ${signed(open)}`, signed(done), ""];
    const wanted = [...(sums.closed_count ? [row(`${quantity(sums.closed_count)} closed`, null, null, sums.closed_pnl)] : []), row(`Total ${sums.currency}`, sums.market_value, sums.unrealized_pnl, sums.realized_pnl)];
    const heads = [...lists.positions.table.node.querySelectorAll("th")];
    while (foot.children.length > wanted.length) foot.lastChild.remove();
    while (foot.children.length < wanted.length) foot.append(h("tr", { role: "row" }, ...heads.map((th) => h("td", { role: "cell", class: th.className || null, "data-label": th.textContent || null }))));
    wanted.forEach((texts, at) => {
      const cells = [...foot.children[at].children];
      setText(cells[0], texts[1]);
      texts.slice(2).forEach((text, n) => setText(cells[n + 2], text));
      setAttr(cells[7], "data-tone", tone(at === wanted.length - 1 ? sums.realized_pnl : sums.closed_pnl));
      if (texts[6]) setAttr(cells[6], "data-tone", tone(sums.unrealized_pnl));
    });
  }

  function paintOrders() {
    const rows = state.order_list ?? [];
    for (const row of rows) editor.heard(row);
    paintList("orders", rows);
  }

  function paintTally() {
    const { tally } = state;
    if (!tally) return;
    if (look === null) {
      look = tally.look;
      paintWishes();
      if (look.story && !story) showStory(look.story);
    }
    const { orders, fills, positions } = tally;
    pages.count("orders", orders.working_count ? `${quantity(orders.working_count)} working` : "");
    pages.count("fills", fills.total ? quantity(fills.total) : "");
    pages.count("positions", positions.count ? quantity(positions.count) : "");
    states.count({ all: orders.total, working: orders.working_count, filled: orders.filled_count, ended: orders.ended_count, refused: orders.refused_count });
    const name = chosen();
    const told = tally[name];
    const shown = name === "orders" ? state.order_list?.length ?? 0 : name === "fills" ? state.fills?.length ?? 0 : 0;
    states.node.hidden = name !== "orders";
    for (const each of filters.nodes) each.hidden = name === "positions";
    pager.node.hidden = name === "positions";
    if (name !== "positions") pager.paint({ from: told.from, shown, matching: told.matching, total: told.total, rows: tally.look.rows, sorted: Boolean(sortOf(name)) });
    cancelAll.node.hidden = name !== "orders";
    flatten.node.hidden = name !== "positions";
    if (name === "orders") cancelAll.paint(orders.working_count);
    if (name === "positions") flatten.paint(positions.count + orders.working_count ? Math.max(1, positions.count) : 0);
  }

  function paintAll(all, changed) {
    const touched = (...names) => all || names.some((name) => changed.has(name));
    const name = chosen();
    if (touched("order_symbols") && state.order_symbols) {
      filters.symbols(state.order_symbols);
      if (look) filters.set(look);
    }
    if (touched("tally", "order_list", "fills")) paintTally();
    if (name === "orders" && touched("order_list", "tally") && state.order_list) paintOrders();
    if (name === "fills" && touched("fills", "tally") && state.fills) paintList("fills", state.fills);
    if (name === "positions" && touched("positions", "tally") && state.positions) paintPositions();
    if (look) paintSorts();
    out.paint();
    if (story && touched("story", "story_now")) explain.paint(state, story);
  }

  ctx.on("story", (value) => {
    ctx.emit("tab", "blotter");
    openStory(value?.id);
  });
  ctx.on("tab", (name) => {
    if (lists[name]) {
      ctx.emit("tab", "blotter");
      pages.choose(name);
    }
  });

  return {
    node,
    get needs() {
      const rows = { orders: "order_list", fills: "fills", positions: "positions" }[chosen()];
      return ["tally", "order_symbols", rows, ...(story ? explain.needs : [])];
    },
    paint(next, changed) {
      state = next;
      paintAll(false, changed);
    },
    close: () => filters.close(),
  };
}
