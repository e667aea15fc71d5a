// How much of the equity is tied up, and where does it end? A bar whose parts add up to the equity.

import { number } from "../format.js";
import { h, setAttr, setText } from "../dom.js";

const PARTS = [["used", "in positions"], ["reserved", "held for working orders"], ["available", "buying power left"]];
const share = (value, whole) => (whole > 0 ? Math.min(100, Math.max(0, (100 * value) / whole)) : 0);

/** Widths of the parts in percent, none below 0, together at most 100; where too much is tied up, positions have it all. */
export function widths(margin) {
  const used = share(margin.used, margin.equity);
  const reserved = Math.min(share(margin.reserved, margin.equity), 100 - used);
  return { used, reserved, available: Math.min(share(margin.available, margin.equity), 100 - used - reserved), keep: share(margin.maintenance, margin.equity) };
}

export function createMargin() {
  const bar = h("div", { class: "vt-margin-bar", role: "img" });
  const legend = h("dl", { class: "vt-margin-legend" });
  const parts = Object.fromEntries(PARTS.map(([name, word]) => {
    const piece = h("div", { class: `vt-margin-${name}` });
    const value = h("dd");
    bar.append(piece);
    legend.append(h("div", {}, h("dt", {}, h("span", { class: `vt-share-swatch vt-margin-${name}`, "aria-hidden": "true" }), word), value));
    return [name, { piece, value }];
  }));
  const line = h("div", { class: "vt-margin-line" });
  bar.append(line);
  const keep = h("dd");
  const keepRow = h("div", {}, h("dt", {}, h("span", { class: "vt-share-swatch vt-margin-keep", "aria-hidden": "true" }), "must be kept (maintenance)"), keep);
  const cushion = h("dd");
  const cushionRow = h("div", {}, h("dt", {}, "until a margin call"), cushion);
  legend.append(keepRow, cushionRow);
  const text = h("p", { class: "vt-margin-text" });
  const called = h("p", { class: "vt-alarm vt-margin-call", role: "alert", hidden: true });
  const kind = h("span", { class: "vt-sub" });
  const node = h("section", { class: "vt-card vt-margin", "aria-label": "Margin" }, h("header", { class: "vt-account-head" }, h("h3", {}, "Margin"), kind), called, bar, legend, text);

  return {
    node,
    paint(margin, currency) {
      const at = widths(margin);
      for (const [name, { piece, value }] of Object.entries(parts)) {
        piece.style.width = `${at[name].toFixed(3)}%`;
        setText(value, number(margin[name]));
      }
      const onMargin = margin.kind === "margin";
      setText(kind, { cash: "cash account", margin: `margin account, equity ${number(margin.equity)} ${currency}`, none: "no limits" }[margin.kind] ?? "");
      bar.hidden = legend.hidden = margin.kind === "none";
      line.hidden = keepRow.hidden = cushionRow.hidden = !onMargin;
      line.style.left = `${at.keep.toFixed(3)}%`;
      setText(keep, number(margin.maintenance));
      const move = margin.call_move_pct;
      setText(cushion, `${number(margin.cushion)}${move === null ? "" : `, or prices ${number(move, 1)} % against you`}`);
      setAttr(bar, "aria-label", `Of ${number(margin.equity)} ${currency} equity ${PARTS.map(([name, word]) => `${number(margin[name])} ${word}`).join(", ")}${onMargin ? `; ${number(margin.maintenance)} must be kept` : ""}`);
      setText(called, margin.state ? `⚠ ${margin.text}` : "");
      called.hidden = !margin.state;
      setText(text, margin.text);
      text.hidden = Boolean(margin.state);
    },
  };
}
