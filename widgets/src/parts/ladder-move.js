// How does an own order get to another price? Dragged with the pointer, or picked up with Enter, carried with the arrows
// and put down with Enter. Escape leaves it where it is, and so does an order that is gone meanwhile.

import { setAttr, setText } from "../dom.js";

const ROW_PX = 20;
const DRAG_PX = 4; // a shorter way is a press
const KEYS = { ArrowUp: -1, ArrowDown: 1, PageUp: -10, PageDown: 10 };

export function createMover({ box, live, paint, priceText, rowOf, rowAt, prices, move }) {
  let moving = null; // { chip, ticks, pointer }

  function begin(chip, pointer = null) {
    if (!chip.orders.every((order) => order.intents.includes("replace"))) {
      setText(live, `This order cannot be moved now: ${chip.orders[0].text}`);
      return;
    }
    moving = { chip, ticks: chip.ticks, pointer };
    setAttr(box, "data-moving", "true");
    setText(live, pointer !== null ? "Let go at another price; Escape leaves it" : "Up and Down choose the price (with Shift tick by tick), Enter moves the order there, Escape leaves it");
    paint();
  }

  function aim(ticks) {
    if (!moving || ticks === moving.ticks || ticks < 1) return;
    moving.ticks = ticks;
    paint();
    setText(live, `To ${priceText(ticks)}`);
    if (moving.pointer === null) rowAt(ticks)?.node.scrollIntoView({ block: "nearest" });
  }

  function end(drop) {
    if (!moving) return;
    const { chip, ticks } = moving;
    moving = null;
    setAttr(box, "data-moving", null);
    setText(live, "");
    paint();
    if (drop && ticks !== chip.ticks) move(chip, ticks);
  }

  box.addEventListener("pointerdown", (event) => {
    const chip = event.target.closest(".vt-mine")?.vtChip;
    if (!chip || event.button !== 0) return;
    event.preventDefault(); // no selection of text on the way; the focus is given below
    event.target.closest(".vt-mine").focus({ preventScroll: true });
    const from = event.clientY;
    const drag = (moved) => {
      if (!moving && Math.abs(moved.clientY - from) > DRAG_PX) begin(chip, moved.pointerId);
      if (!moving) return;
      const edge = box.getBoundingClientRect();
      if (moved.clientY < edge.top + ROW_PX) box.scrollTop -= ROW_PX / 2;
      if (moved.clientY > edge.bottom - ROW_PX) box.scrollTop += ROW_PX / 2;
      const y = Math.max(edge.top + 2, Math.min(edge.bottom - 2, moved.clientY));
      const row = rowOf(document.elementFromPoint(edge.left + edge.width / 2, y));
      if (row?.ticks) aim(row.ticks);
    };
    const stop = (ended) => {
      removeEventListener("pointermove", drag);
      removeEventListener("pointerup", stop);
      removeEventListener("pointercancel", stop);
      removeEventListener("keydown", escape, true);
      if (moving && moving.pointer !== null) end(ended?.type === "pointerup");
    };
    const escape = (key) => {
      if (key.key !== "Escape") return;
      end(false);
      stop();
    };
    addEventListener("pointermove", drag);
    addEventListener("pointerup", stop);
    addEventListener("pointercancel", stop);
    addEventListener("keydown", escape, true);
  });
  box.addEventListener("focusout", () => {
    if (moving && moving.pointer === null) requestAnimationFrame(() => !box.contains(document.activeElement) && end(false));
  });

  return {
    begin,
    active: () => moving !== null,
    /** The side of the order that would be put down at a price; null for the other prices. */
    target: (ticks) => (moving && ticks !== null && ticks === moving.ticks ? moving.chip.side : null),
    /** A key while an order is carried. */
    key(event) {
      const shown = prices();
      const at = shown.indexOf(moving.ticks);
      const by = KEYS[event.key];
      if (by && (event.shiftKey || at < 0)) aim(moving.ticks - by); // tick by tick, also where no rung is
      else if (by) aim(shown[Math.max(0, Math.min(shown.length - 1, at + by))]);
      else if (event.key === "Enter" || event.key === " ") end(true);
      else if (event.key === "Escape" || event.key === "Tab") end(false);
      else return;
      if (event.key !== "Tab") event.preventDefault();
      event.stopPropagation();
    },
    check(chips) {
      if (moving && !chips.has(moving.chip.key)) end(false);
    },
  };
}
