// What stands in the bar under the pointer, or in the newest one? Prices, change, volume and every indicator.

import { barText } from "./chart-math.js";
import { momentText } from "./chart-plot.js";
import { h, setAttr, setText } from "../dom.js";
import { number } from "../format.js";

export function createReadout() {
  const when = h("span", { class: "vt-readout-when" });
  const change = h("b", {});
  const volume = h("span", {});
  const prices = ["O", "H", "L", "C"].map((name) => {
    const value = h("b", {});
    return { value, node: h("span", {}, `${name} `, value) };
  });
  const first = h("div", { class: "vt-readout-row" }, when, ...prices.map((each) => each.node), change, volume);
  const spoken = h("p", { class: "vt-chart-spoken", "aria-live": "polite" });
  const node = h("div", { class: "vt-readouts" });
  const rows = new Map([[0, h("div", { class: "vt-readout" }, first)]]); // by pane
  let values = []; // [{ line, value, swatch, pane }]
  node.append(rows.get(0));

  return {
    node,
    spoken,
    /** Studies stand in the panes in which they are drawn: [{ title, pane, place, lines }]. */
    setStudies(studies, colours) {
      values = [];
      for (const [place, row] of rows) if (place) row.remove();
      rows.get(0).replaceChildren(first);
      for (const study of studies) {
        if (!rows.get(study.place)?.isConnected) {
          rows.set(study.place, h("div", { class: "vt-readout" }));
          node.append(rows.get(study.place));
        }
        const parts = study.lines.map((line) => {
          const value = h("b", {});
          const swatch = h("i", { class: "vt-swatch", "data-dash": line.style === "histogram" ? "pillar" : line.pen.dash, "aria-hidden": "true" });
          swatch.style.color = colours?.[line.pen.colour] ?? "";
          values.push({ line, value, swatch, pane: study.pane });
          return h("span", {}, swatch, line.role ? `${line.role} ` : "", value);
        });
        rows.get(study.place).append(h("div", { class: "vt-readout-row" }, h("span", {}, study.title), ...parts));
      }
    },
    /** Put each row at the top of its pane. */
    place(topOf) {
      for (const [place, row] of rows) if (place && row.isConnected) row.style.top = `${Math.round(topOf(place)) + 4}px`;
    },
    recolour(colours) {
      for (const { swatch, line } of values) swatch.style.color = colours[line.pen.colour];
    },
    /** @param bar { t, o, h, l, c, v }  @param valueOf  from a line to its value there */
    paint(bar, seconds, decimals, valueOf, aloud = false) {
      const text = barText(bar, decimals);
      setText(when, momentText(bar.t, seconds));
      text.prices.forEach(([, told], i) => setText(prices[i].value, told));
      setText(change, text.change);
      setAttr(change, "data-tone", text.rises);
      setText(volume, `V ${text.volume}`);
      for (const { line, value, pane } of values) setText(value, number(valueOf(line), pane === "rsi" ? 1 : Math.max(decimals, 2)));
      if (!aloud) return;
      const named = values.map(({ line, value }) => `${line.title} ${value.textContent}`);
      setText(spoken, [momentText(bar.t, seconds), ...text.prices.map((pair) => pair.join(" ")), text.change, `V ${text.volume}`, ...named].join(", "));
    },
  };
}
