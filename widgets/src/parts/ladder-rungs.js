// How is a ladder held? Rows of one height in a box that scrolls. Prices stand still while the pointer is over them or the
// focus is among them; only sizes change then. A press asks for a side, a drag or Enter and arrows move an own order.

import { compact, number, quantity } from "../format.js";
import { h, setAttr, setText } from "../dom.js";
import { createMover } from "./ladder-move.js";
import { chipsOf, crosses, largest, priceOf } from "./ladder-rows.js";

export const ROW_PX = 20;
const SIDES = ["buy", "sell"];

/**
 * @param act  { place(side, ticks, byKey), move(chip, ticks), cancel(chip), open(gap), page(by), recentre(), words() -> "100" }
 */
export function createRungs(act) {
  const box = h("div", { class: "vt-rungs", role: "grid", "aria-label": "Price ladder: the left column buys, the right one sells", "aria-colcount": "5" });
  const live = h("p", { class: "vt-hear", "aria-live": "polite" });
  const pool = [];
  let rows = [];
  let book = {};
  let chips = new Map();
  let pending = new Map(); // key of a rung -> quantity on its way
  let focus = null; // { id, side, name } of the one stop of the tab key
  let asked = null; // the rung that is asked about
  let hover = false;

  function makeRow() {
    const cells = {};
    const cell = (name, ...children) => h("div", { role: name === "price" ? "rowheader" : "gridcell", class: `vt-cell vt-cell-${name}` }, ...children);
    for (const side of SIDES) {
      const chipText = h("span", { class: "vt-chip-lots" });
      const chipQueue = h("span", { class: "vt-chip-queue" });
      const chip = h("button", { type: "button", class: "vt-mine", tabindex: "-1", hidden: true }, chipText, " ", chipQueue);
      const coming = h("span", { class: "vt-coming", hidden: true });
      const bar = h("span", { class: "vt-bar" });
      const size = h("span", { class: "vt-size" });
      const press = h("button", { type: "button", class: `vt-place vt-place-${side}`, tabindex: "-1" }, bar, size);
      cells[side] = { chip, chipText, chipQueue, coming, bar, size, press };
    }
    const price = h("span");
    const gap = h("button", { type: "button", class: "vt-gap", tabindex: "-1", hidden: true });
    const row = { cells, price, gap, ticks: null, id: null };
    row.node = h("div", { role: "row", class: "vt-rung" },
      cell("mine-buy", cells.buy.coming, cells.buy.chip), cell("buy", cells.buy.press), cell("price", price, gap),
      cell("sell", cells.sell.press), cell("mine-sell", cells.sell.chip, cells.sell.coming));
    row.node.vtRow = row;
    return row;
  }

  const mover = createMover({
    box, live, paint, priceText: (ticks) => priceText(ticks), rowOf: (element) => rowOf(element), rowAt: (ticks) => rowAt(ticks),
    prices: () => rows.filter((row) => row.ticks).map((row) => row.ticks), move: act.move,
  });

  const rowAt = (ticks) => pool.find((row) => row.ticks === ticks && !row.node.hidden);
  const rowById = (id) => pool.find((row) => row.id === id && !row.node.hidden);
  const rowOf = (element) => element?.closest?.(".vt-rung")?.vtRow;
  const sideOf = (element) => (element.closest(".vt-cell-buy, .vt-cell-mine-buy") ? "buy" : "sell");
  const priceText = (ticks) => number(priceOf(book, ticks), book.decimals ?? 2);

  // --- what is shown --------------------------------------------------------------------------------------------------

  function paintRow(row, plan, sizes, most) {
    row.ticks = plan.ticks ?? null;
    row.plan = plan;
    row.id = plan.gap ? `gap ${plan.above}` : plan.ticks;
    const { ticks } = row;
    setAttr(row.node, "data-ticks", ticks);
    setAttr(row.node, "data-gap", plan.gap ? "true" : null);
    setAttr(row.node, "data-best", ticks && (ticks === book.bid ? "bid" : ticks === book.ask ? "ask" : null));
    setAttr(row.node, "data-last", ticks && ticks === book.last ? "true" : null);
    setAttr(row.node, "data-inside", ticks && book.bid && book.ask && ticks > book.bid && ticks < book.ask ? "true" : null);
    setAttr(row.node, "data-target", mover.target(ticks) ?? (ticks !== null && asked?.endsWith(` ${ticks}`) ? asked.split(" ")[0] : null));
    row.gap.hidden = !plan.gap;
    row.price.hidden = Boolean(plan.gap);
    if (plan.gap) {
      const count = plan.gap.toLocaleString("en-US");
      setText(row.gap, `⋮ ${count}`);
      setAttr(row.gap, "aria-label", `⋮ ${count} empty prices, show them`);
      setAttr(row.gap, "title", `${count} empty prices from ${priceText(plan.below)} to ${priceText(plan.above)}; press to show them`);
    } else {
      setText(row.price, priceText(ticks));
    }
    for (const side of SIDES) paintSide(row, side, ticks === null ? 0 : sizes[side].get(ticks) ?? 0, most);
  }

  function paintSide(row, side, size, most) {
    const { ticks } = row;
    const part = row.cells[side];
    part.press.disabled = !book.trades || row.plan.gap > 0;
    setText(part.size, size ? compact(size) : "");
    part.bar.style.transform = `scaleX(${size && most ? size / most : 0})`;
    const verb = side === "buy" ? "Buy" : "Sell";
    if (ticks !== null) {
      const takes = crosses(book, side, ticks) ? ", which trades at once" : "";
      const there = size ? `; ${compact(size)} ${size === 1 ? "waits" : "wait"} there to ${side}` : "";
      setAttr(part.press, "aria-label", `${verb} ${act.words()} at ${priceText(ticks)}${takes}${there}`);
      setAttr(part.press, "title", `${verb} ${act.words()} at ${priceText(ticks)}${takes}`);
      setAttr(part.press, "data-takes", takes ? "true" : null);
    }
    const chip = ticks === null ? undefined : chips.get(`${side} ${ticks}`);
    part.chip.hidden = !chip;
    part.chip.vtChip = chip;
    if (chip) paintChip(part, chip);
    const coming = ticks === null ? undefined : pending.get(`${side} ${ticks}`);
    part.coming.hidden = !coming;
    setText(part.coming, coming ? `…${compact(coming)}` : "");
  }

  function paintChip(part, chip) {
    const [first] = chip.orders;
    const count = chip.orders.length;
    const many = count > 1 ? ` in ${count} orders` : "";
    setText(part.chipText, `${compact(chip.quantity)}${count > 1 ? `·${count}` : ""}`);
    setText(part.chipQueue, count > 1 ? "" : first.text);
    setAttr(part.chip, "data-kind", first.kind);
    setAttr(part.chip, "data-state", chip.orders.some((order) => order.state === "moving") ? "moving" : first.state);
    const how = first.intents.length ? ". Enter moves it, Delete cancels it" : "";
    const lots = part.chipText.textContent;
    const queue = count > 1 ? "" : ` ${first.text}`;
    setAttr(part.chip, "aria-label", `${lots}${queue}: your ${chip.side} ${first.kind === "stop" ? "stop " : ""}of ${quantity(chip.quantity)}${many} at ${priceText(chip.ticks)}${how}`);
    setAttr(part.chip, "title", `${chip.orders.map((order) => `${quantity(order.quantity)}: ${order.text}${order.why ? ` – ${order.why}` : ""}`).join("\n")}\nDrag it to another price; Delete cancels it`);
  }

  function paint() {
    while (pool.length < rows.length) {
      const row = makeRow();
      pool.push(row);
      box.append(row.node);
    }
    const sizes = { buy: new Map(book.bids), sell: new Map(book.asks) };
    const most = largest(book);
    pool.forEach((row, index) => {
      row.node.hidden = index >= rows.length;
      if (index < rows.length) paintRow(row, rows[index], sizes, most);
      else row.ticks = null;
    });
    paintStop();
  }

  // --- one stop of the tab key, arrows from there ---------------------------------------------------------------------

  const stops = (row) => (row?.plan.gap ? [row.gap] : row ? [row.cells.buy.chip, row.cells.buy.press, row.cells.sell.press, row.cells.sell.chip].filter((each) => !each.hidden && !each.disabled) : []);

  function paintStop() {
    const wanted = (focus && rowById(focus.id)) ?? rowAt(book.bid) ?? pool.find((row) => row.ticks !== null && !row.node.hidden);
    const target = wanted && !wanted.plan.gap ? wanted.cells[focus?.side ?? "buy"][focus?.name ?? "press"] ?? null : null;
    const stop = target && !target.hidden && !target.disabled ? target : stops(wanted)[0];
    const old = box.querySelector('[tabindex="0"]');
    if (old !== stop) {
      const focused = old && old === document.activeElement;
      if (old) old.tabIndex = -1;
      if (stop) stop.tabIndex = 0;
      if (focused && stop) stop.focus({ preventScroll: true });
    }
  }

  function remember(element) {
    const row = rowOf(element);
    if (!row) return;
    if (row.plan.gap) focus = { ...focus, id: row.id };
    else focus = { id: row.id, side: sideOf(element), name: element.classList.contains("vt-mine") ? "chip" : "press" };
    paintStop();
  }

  function go(element) {
    if (!element) return;
    remember(element);
    element.focus({ preventScroll: true });
    element.closest(".vt-rung").scrollIntoView({ block: "nearest" });
  }

  function step(element, by) {
    const shown = pool.filter((row) => !row.node.hidden);
    const at = shown.indexOf(rowOf(element));
    const to = shown[Math.max(0, Math.min(shown.length - 1, at + by))];
    const side = element === rowOf(element).gap ? focus?.side ?? "buy" : sideOf(element);
    const same = to.plan.gap ? to.gap : to.cells[side][element.classList.contains("vt-mine") ? "chip" : "press"];
    go(!same.hidden && !same.disabled ? same : stops(to).find((each) => sideOf(each) === side) ?? stops(to)[0]);
  }

  box.addEventListener("focusin", (event) => remember(event.target));
  box.addEventListener("keydown", (event) => {
    const element = event.target.closest("button");
    if (!element || event.altKey || event.ctrlKey || event.metaKey) return;
    if (mover.active()) return mover.key(event);
    const chip = element.vtChip;
    const beside = stops(rowOf(element));
    const at = beside.indexOf(element);
    const known = {
      ArrowUp: () => step(element, -1),
      ArrowDown: () => step(element, 1),
      PageUp: () => step(element, -10),
      PageDown: () => step(element, 10),
      ArrowLeft: () => go(beside[Math.max(0, at - 1)]),
      ArrowRight: () => go(beside[Math.min(beside.length - 1, at + 1)]),
      Home: () => act.recentre(),
      c: () => act.recentre(),
      Delete: chip && (() => act.cancel(chip)),
      Backspace: chip && (() => act.cancel(chip)),
      Enter: chip && (() => mover.begin(chip)),
      " ": chip && (() => mover.begin(chip)),
    }[event.key];
    if (!known) return undefined;
    event.preventDefault();
    return known();
  });
  box.addEventListener("click", (event) => {
    const press = event.target.closest(".vt-place");
    const row = rowOf(press ?? event.target);
    if (!row) return;
    if (row.plan.gap) act.open(row.plan);
    else if (press && !press.disabled) act.place(sideOf(press), row.ticks, event.detail === 0);
  });

  box.addEventListener("pointerenter", () => (hover = true));
  box.addEventListener("pointerleave", () => (hover = false));
  box.addEventListener("scroll", () => {
    const below = box.scrollHeight - box.clientHeight - box.scrollTop;
    if (box.scrollTop < 4 * ROW_PX) act.page(1);
    else if (below < 4 * ROW_PX) act.page(-1);
  });

  return {
    node: h("div", { class: "vt-rungs-box" }, box, live),
    /** Whether prices must stay where they are. */
    held: () => hover || mover.active() || box.contains(document.activeElement),
    get rows() {
      return rows;
    },
    /** Other prices; what was in sight stays in sight. */
    lay(next) {
      const top = rows[Math.floor(box.scrollTop / ROW_PX)]?.ticks;
      const into = box.scrollTop % ROW_PX;
      rows = next;
      paint();
      const at = top ? rows.findIndex((row) => row.ticks === top) : -1;
      if (at >= 0) box.scrollTop = at * ROW_PX + into;
    },
    paint(nextBook, nextPending, nextAsked) {
      book = nextBook;
      asked = nextAsked;
      chips = chipsOf(book.orders);
      pending = nextPending;
      mover.check(chips);
      paint();
    },
    /** Where a price is in sight: 0 at the top of the box, 1 at its bottom; null where it is on no rung. */
    place(ticks) {
      let at = rows.findIndex((row) => row.ticks === ticks);
      if (at < 0) at = rows.findIndex((row) => row.gap && row.below <= ticks && ticks <= row.above);
      return at < 0 || !box.clientHeight ? null : ((at + 0.5) * ROW_PX - box.scrollTop) / box.clientHeight;
    },
    centre(ticks) {
      const at = this.place(ticks);
      if (at !== null) box.scrollTop += (at - 0.5) * box.clientHeight;
    },
    focusOn(ticks) {
      const row = rowAt(ticks);
      if (row) go(row.cells.buy.chip.hidden ? (row.cells.sell.chip.hidden ? stops(row)[0] : row.cells.sell.chip) : row.cells.buy.chip);
    },
    watch(listener) {
      const observer = new ResizeObserver(listener);
      observer.observe(box);
      return () => observer.disconnect();
    },
  };
}
