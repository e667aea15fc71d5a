// How is an alert set? A small form, and a sentence that says what it will do while it is written.

import { duration } from "../format.js";
import { h, setAttr, setText } from "../dom.js";

const TYPED_MS = 250; // how long a pause in typing ends a number
const WINDOWS_S = [30, 60, 300, 900, 3600, 86400];
const UNITS = { price: "", percent: "%", units: "units" };

export function createAlertForm(ctx) {
  const id = ctx.id("alert");
  let kinds = [];
  let shownSymbol = null;
  let typing = 0;
  let asked = 0;
  const changed = () => {
    paintKind();
    clearTimeout(typing);
    typing = setTimeout(preview, TYPED_MS);
  };
  const labelled = (name, title, input, ...more) => h("div", { class: `vt-alert-field vt-alert-${name}` }, h("label", { for: input.id }, title), input, ...more);
  const field = (name, tag, props, ...children) => h(tag, { id: `${id}-${name}`, name, autocomplete: "off", "aria-describedby": `${id}-words`, on: { input: changed }, ...props }, ...children);

  const symbol = field("symbol", "input", { type: "text", spellcheck: "false", maxlength: "40" });
  const kind = field("kind", "select", {});
  const value = field("value", "input", { type: "text", inputmode: "decimal", maxlength: "24" });
  const unit = h("span", { class: "vt-sub vt-alert-unit", "aria-hidden": "true" });
  const span = field("window_s", "select", {});
  const often = field("once", "input", { type: "checkbox" });
  const spanBox = labelled("window", "Over", span);
  const said = h("p", { class: "vt-alert-words", id: `${id}-words`, role: "status", "aria-live": "polite" });
  const set = h("button", { type: "submit", class: "vt-small vt-alert-set" }, "Set alert");
  const fields = { symbol, kind, value, window_s: span };
  const node = h("form", { class: "vt-alert-form", "aria-label": "Set an alert", novalidate: true, on: { submit } },
    labelled("symbol", "Symbol", symbol), labelled("kind", "Tell me when", kind), labelled("value", "Value", value, unit), spanBox,
    h("label", { class: "vt-alert-often" }, often, " every time"), set, said);

  const terms = () => ({ symbol: symbol.value.trim().toUpperCase(), kind: kind.value, value: value.value.trim(), window_s: spanBox.hidden ? 0 : Number(span.value), once: !often.checked });

  function paintKind() {
    const chosen = kinds.find((each) => each.kind === kind.value) ?? kinds[0];
    if (!chosen) return;
    setText(unit, UNITS[chosen.unit] ?? "");
    spanBox.hidden = chosen.window === "none";
    if (span.vtFor !== chosen.window) {
      span.vtFor = chosen.window;
      const open = chosen.window === "may" ? [h("option", { value: "0" }, "since the open")] : [];
      span.replaceChildren(...open, ...WINDOWS_S.map((seconds) => h("option", { value: String(seconds) }, `within ${duration(seconds)}`)));
      if (chosen.window === "must") span.value = "60";
    }
  }

  function tell(text, fieldName) {
    setText(said, text);
    setAttr(said, "data-tone", fieldName ? "down" : null);
    for (const [name, input] of Object.entries(fields)) setAttr(input, "aria-invalid", name === fieldName ? "true" : null);
  }

  async function preview() {
    if (!value.value.trim()) {
      tell(often.checked ? "Give a value: the alert tells you every time, and a minute of the market's time apart." : "Give a value to see what the alert will do.");
      return;
    }
    asked += 1;
    const mine = asked;
    const reply = await ctx.ask({ intent: "alert_words", ...terms() });
    if (mine !== asked || !reply) return; // something else was typed meanwhile
    tell(reply.data?.text ?? reply.text, reply.data?.fine ? "" : reply.data?.field ?? "value");
  }

  async function submit(event) {
    event.preventDefault();
    clearTimeout(typing);
    asked += 1;
    const reply = await ctx.ask({ intent: "alert", ...terms() });
    if (!reply) return;
    if (reply.kind === "error") {
      tell(reply.text, reply.field ?? "value");
      (fields[reply.field] ?? value).focus();
      return;
    }
    ctx.say(reply.text);
    value.value = "";
    tell("");
    value.focus();
  }

  return {
    node,
    paint(state) {
      if (state.alert_kinds && kinds.length === 0) {
        kinds = state.alert_kinds;
        kind.replaceChildren(...kinds.map((each) => h("option", { value: each.kind }, each.label)));
        paintKind();
        tell("Give a value to see what the alert will do.");
      }
      if (state.symbol !== shownSymbol && (symbol.value === "" || symbol.value === shownSymbol) && document.activeElement !== symbol) {
        shownSymbol = state.symbol;
        symbol.value = shownSymbol;
        if (value.value) changed();
      }
    },
    /** Fill in a price that was picked somewhere. */
    pick(price) {
      if (kinds.find((each) => each.kind === kind.value)?.unit !== "price") return;
      value.value = String(price);
      changed();
    },
    close() {
      clearTimeout(typing);
    },
  };
}
