// What is riding on what? The same rows as a ring, as a map of areas, and as a table.

import { arrow, compact, number, signed } from "../format.js";
import { h, keyedTable, setAttr, setText } from "../dom.js";
import { ringPath, segments, stripes, svg, treemap } from "./account-svg.js";
import { choices } from "./account-choices.js";

const GROUPINGS = [["sector", "Sector"], ["asset_class", "Asset class"], ["instrument", "Instrument"]];
const SHAPES = [["donut", "Ring"], ["treemap", "Map"], ["table", "Table"]];
const MAP = { width: 320, height: 180 };
const SHADES = 6;
const NOTHING = "No position, so nothing is at risk. What you hold is shown here by sector, asset class and instrument.";
const percent = (share, decimals = 1) => `${number(100 * share, decimals)} %`;
const weightText = (weight) => (weight === null ? "–" : `${signed(100 * weight, 1)} %`);
const sideWord = { long: "long", short: "short" };

export function createExposure(ctx) {
  const id = ctx.id("stripes");
  const by = choices("Exposure by", GROUPINGS, (name) => ctx.look({ exposure: name }));
  const shape = choices("Shown as", SHAPES, (name) => {
    ctx.prefs.set("exposure shape", name);
    show(name);
  });

  const ring = svg("g");
  const middle = h("div", { class: "vt-share-middle" });
  const middleValue = h("strong");
  const middleNote = h("span", { class: "vt-sub" });
  middle.append(middleValue, middleNote);
  const drawing = svg("svg", { viewBox: "-102 -102 204 204", role: "img", class: "vt-share-ring" }, svg("defs", {}, stripes(id, "share")), ring);
  const legend = h("ul", { class: "vt-share-legend" });
  const donut = h("div", { class: "vt-share-donut" }, h("div", { class: "vt-share-ring-box" }, drawing, middle), legend);

  const mapBody = h("div", { class: "vt-share-map", role: "img" });
  const table = keyedTable({
    label: "Exposure", key: "group", empty: NOTHING,
    columns: [
      { head: "Group", cell: (row) => row.group, title: (row) => row.name || row.group },
      { head: "Long", num: true, cell: (row) => number(row.long) },
      { head: "Short", num: true, cell: (row) => (row.short ? number(row.short) : "–") },
      { head: "Net", num: true, cell: (row) => signed(row.net), tone: (row) => (row.net < 0 ? "down" : null) },
      { head: "of NAV", num: true, cell: (row) => weightText(row.weight) },
      { head: "of gross", num: true, cell: (row) => percent(row.share) },
    ],
  });
  const empty = h("p", { class: "vt-empty" }, NOTHING);
  const pages = { donut, treemap: mapBody, table: table.node };
  const sums = h("dl", { class: "vt-share-sums" });
  const sum = Object.fromEntries([["gross", "Gross"], ["net", "Net"], ["long", "Long"], ["short", "Short"], ["leverage", "Leverage"]].map(([name, word]) => {
    const value = h("dd");
    sums.append(h("div", {}, h("dt", {}, word), value));
    return [name, value];
  }));
  const limit = h("p", { class: "vt-sub vt-share-limit" });
  const node = h("section", { class: "vt-card vt-exposure", "aria-label": "Exposure" },
    h("header", { class: "vt-account-head" }, h("h3", {}, "Exposure"), by.node, shape.node), sums, empty, donut, mapBody, table.node, limit);

  let told = { rows: [] };
  let chosen = "donut";

  function show(name) {
    chosen = pages[name] ? name : "donut";
    shape.mark(chosen);
    for (const [each, page] of Object.entries(pages)) page.hidden = each !== chosen || told.rows.length === 0;
    empty.hidden = told.rows.length > 0;
    if (chosen === "treemap") paintMap();
    if (chosen === "donut") paintRing();
    if (chosen === "table") table.paint(told.rows);
  }

  const summary = () => `Exposure by ${told.by?.replaceAll("_", " ")}: ${told.rows.map((row) => `${row.group} ${weightText(row.weight)} of NAV`).join(", ")}`;
  const hint = (part) => `${part.group}: ${sideWord[part.side]} ${number(part.value)} ${told.currency ?? ""}`;
  const shadeOf = (part) => `vt-share-shade-${part.shade % SHADES}`;

  function paintRing() {
    const parts = segments(told.rows);
    const gross = parts.reduce((all, part) => all + part.value, 0);
    let turn = 0;
    ring.replaceChildren(...parts.flatMap((part) => {
      const from = turn;
      turn += part.value / gross;
      const outline = ringPath(from, turn);
      const title = svg("title", {}, document.createTextNode(hint(part)));
      const piece = svg("path", { d: outline, class: `vt-share-slice ${shadeOf(part)}` }, title);
      return part.side === "short" ? [piece, svg("path", { d: outline, fill: `url(#${id})`, class: "vt-share-stripes" })] : [piece];
    }));
    setAttr(drawing, "aria-label", summary());
    setText(middleValue, compact(told.gross));
    setText(middleNote, `gross ${told.currency ?? ""}`);
    legend.replaceChildren(...parts.map((part) => h("li", { title: hint(part) },
      h("span", { class: `vt-share-swatch ${shadeOf(part)}`, "data-side": part.side, "aria-hidden": "true" }),
      h("span", { class: "vt-share-name" }, part.group),
      h("span", { class: "vt-share-side" }, part.side === "short" ? "− short" : "+ long"),
      h("span", { class: "vt-num" }, percent(part.value / gross)))));
  }

  function paintMap() {
    const parts = segments(told.rows);
    const gross = parts.reduce((all, part) => all + part.value, 0);
    const [wide, high] = [100 / MAP.width, 100 / MAP.height];
    mapBody.replaceChildren(...treemap(parts, MAP.width, MAP.height).map(({ item, x, y, w, h: tall }) => {
      const style = `left:${(x * wide).toFixed(3)}%;top:${(y * high).toFixed(3)}%;width:${(w * wide).toFixed(3)}%;height:${(tall * high).toFixed(3)}%`;
      const words = w > 46 && tall > 20 ? [h("span", { class: "vt-map-tile-name" }, item.group), h("span", {}, `${item.side === "short" ? "−" : "+"} ${percent(item.value / gross)}`)] : [];
      return h("div", { class: `vt-map-tile ${shadeOf(item)}`, "data-side": item.side, title: hint(item), style }, ...words);
    }));
    setAttr(mapBody, "aria-label", summary());
  }

  return {
    node,
    paint(exposure) {
      told = exposure;
      by.mark(exposure.by);
      for (const name of ["gross", "long", "short"]) setText(sum[name], number(exposure[name]));
      setText(sum.net, exposure.net === undefined ? "–" : `${exposure.net ? `${arrow(exposure.net)} ` : ""}${signed(exposure.net)}`);
      setText(sum.leverage, exposure.leverage === null || exposure.leverage === undefined ? "–" : `${number(exposure.leverage)}×`);
      const most = exposure.limit_pct;
      limit.hidden = most === null || most === undefined;
      setText(limit, `An order that would bring one instrument above ${number(most, 1)} % of NAV is denied.`);
      show(ctx.prefs.get("exposure shape", chosen));
    },
  };
}
