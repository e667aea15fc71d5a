// How is an order changed where it stands? Its quantity and prices become fields of the row: Enter sends, Escape gives up.

import { h, setAttr, setText } from "../dom.js";
import { quantity } from "../format.js";

const NAMES = { quantity: "Quantity", limit_price: "Limit", stop_price: "Stop" };

/** What stands in a field at first: all digits, no grouping. */
export const plainNumber = (value) => (typeof value === "number" && Number.isFinite(value) ? String(value) : "");

/** What differs from what stood there: { limit_price: "99.5" }; grouping commas and blanks do not count. */
export function changesOf(before, typed) {
  const changes = {};
  for (const [name, text] of Object.entries(typed)) {
    const clean = text.replaceAll(/[\s,]/g, "").replace("−", "-");
    if (clean !== before[name] && (clean === "" || Number(clean) !== Number(before[name]))) changes[name] = clean;
  }
  return changes;
}

/**
 * The editor of one row at a time. It gives the cells their fields; `done(id)` hears that a row shows its texts again.
 */
export function createEditor(ctx, done) {
  let open = null; // { id, row, before, inputs, errors, busy }

  function start(row) {
    if (open) stop(false);
    const before = Object.fromEntries((row.change ?? []).map((name) => [name, plainNumber(row[name])]));
    open = { id: String(row.id), row, before, inputs: {}, errors: {}, boxes: {}, busy: false };
    for (const name of row.change ?? []) {
      const errorId = ctx.id("refusal");
      const input = h("input", { class: "vt-row-edit", type: "text", inputmode: "decimal", autocomplete: "off", "aria-label": `${NAMES[name]} of order ${row.number || row.id}`, "aria-describedby": errorId, "data-field": name });
      input.value = before[name];
      input.addEventListener("keydown", (event) => keyed(event, name));
      input.addEventListener("input", () => refuse(name, ""));
      const error = h("span", { class: "vt-refusal", id: errorId, role: "alert" });
      open.inputs[name] = input;
      open.errors[name] = error;
      open.boxes[name] = h("span", { class: "vt-row-edit-box" }, h("span", { class: "vt-row-edit-name", "aria-hidden": "true" }, NAMES[name]), input, error);
    }
    done(open.id);
    Object.values(open.inputs)[0]?.focus();
    Object.values(open.inputs)[0]?.select();
  }

  function keyed(event, name) {
    if (event.key === "Enter") {
      event.preventDefault();
      send();
    } else if (event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      stop(true);
    } else if (event.key === "ArrowUp" || event.key === "ArrowDown") {
      const step = name === "quantity" ? open.row.lot : open.row.tick;
      const now = Number(open.inputs[name].value.replaceAll(",", ""));
      if (!(step > 0) || !Number.isFinite(now)) return;
      event.preventDefault();
      const next = Math.max(0, Math.round(now / step) + (event.key === "ArrowUp" ? 1 : -1)) * step;
      open.inputs[name].value = String(Number(next.toFixed(name === "quantity" ? 6 : open.row.decimals)));
    }
  }

  function refuse(name, text) {
    setText(open.errors[name], text ? `✕ ${text}` : "");
    setAttr(open.inputs[name], "aria-invalid", text ? "true" : null);
  }

  async function send() {
    if (!open || open.busy) return;
    const mine = open;
    const changes = changesOf(mine.before, Object.fromEntries(Object.entries(mine.inputs).map(([name, input]) => [name, input.value])));
    for (const name of Object.keys(mine.inputs)) refuse(name, "");
    const empty = Object.keys(changes).find((name) => changes[name] === "");
    if (empty) {
      refuse(empty, "give a number, or leave it as it was");
      mine.inputs[empty].focus();
      return;
    }
    if (!Object.keys(changes).length) {
      stop(true);
      return;
    }
    mine.busy = true;
    for (const input of Object.values(mine.inputs)) setAttr(input, "readonly", true);
    const reply = await ctx.ask({ intent: "replace", id: mine.id, ...changes });
    mine.busy = false;
    for (const input of Object.values(mine.inputs)) setAttr(input, "readonly", null);
    if (open !== mine) return;
    if (reply?.kind === "ok") {
      stop(true);
      ctx.say(reply.text, "ok");
      return;
    }
    const field = mine.inputs[reply?.field] ? reply.field : Object.keys(changes)[0];
    refuse(field, reply ? reply.text : "no answer came: the order is as the row shows it");
    mine.inputs[field].focus();
  }

  /** Back to the texts; `back`: the focus goes to the row's button. */
  function stop(back) {
    if (!open) return;
    const { id } = open;
    open = null;
    done(id, back);
  }

  return {
    start,
    send,
    stop,
    edits: (id) => open !== null && open.id === String(id),
    /** Put fields into a cell; false where the cell shows its text. */
    fill(td, row, names) {
      const mine = open && open.id === String(row.id) ? names.filter((name) => open.boxes[name]) : [];
      if (!mine.length) {
        if (td.vtEdit) {
          td.vtEdit = null;
          td.vtText = null;
          td.replaceChildren();
        }
        return false;
      }
      if (td.vtEdit !== open) {
        td.vtEdit = open;
        td.vtText = null;
        td.replaceChildren(...mine.map((name) => open.boxes[name]));
      }
      return true;
    },
    /** The order as it is now: what can no longer be changed is told. */
    heard(row) {
      if (!open || open.id !== String(row.id)) return;
      open.row = row;
      if (open.busy || row.intents?.includes("replace")) return;
      stop(true);
      ctx.say(`Order ${row.number || row.id} is ${String(row.status).replaceAll("_", " ")} now, ${quantity(row.filled)} filled: nothing of it can be changed any more.`, "error");
    },
  };
}
