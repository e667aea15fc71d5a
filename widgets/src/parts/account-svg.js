// How is a share drawn? Numbers in, shapes out; nothing here knows a page but the two makers at the end.

const NS = "http://www.w3.org/2000/svg";

/** Exposure as segments, largest first: a group that is long and short at once gives two. */
export function segments(rows) {
  const list = [];
  rows.forEach((row, at) => {
    if (row.long > 0) list.push({ key: `${row.group}+`, group: row.group, side: "long", value: row.long, shade: at });
    if (row.short < 0) list.push({ key: `${row.group}-`, group: row.group, side: "short", value: -row.short, shade: at });
  });
  return list;
}

const point = (radius, turn) => {
  const angle = 2 * Math.PI * turn - Math.PI / 2;
  return `${(radius * Math.cos(angle)).toFixed(2)} ${(radius * Math.sin(angle)).toFixed(2)}`;
};

/** The outline of a piece of a ring, from one share of a full turn to another. */
export function ringPath(from, to, outer = 100, inner = 62) {
  if (to - from > 0.99999) { // a full turn ends where it began: two circles, and what lies between them
    return [outer, inner].map((radius) => `M0 ${-radius}A${radius} ${radius} 0 1 1 0 ${radius}A${radius} ${radius} 0 1 1 0 ${-radius}Z`).join("");
  }
  const large = to - from > 0.5 ? 1 : 0;
  return `M${point(outer, from)}A${outer} ${outer} 0 ${large} 1 ${point(outer, to)}L${point(inner, to)}A${inner} ${inner} 0 ${large} 0 ${point(inner, from)}Z`;
}

const worst = (row, sum, side) => Math.max(...row.map(({ area }) => Math.max((side * side * area) / (sum * sum), (sum * sum) / (side * side * area))));

/** Rectangles { item, x, y, w, h } whose areas are as the values, as square as can be, that fill the given one. */
export function treemap(items, width, height) {
  const total = items.reduce((sum, item) => sum + item.value, 0);
  if (!(total > 0)) return [];
  const waiting = items.filter((item) => item.value > 0).map((item) => ({ item, area: (item.value / total) * width * height }));
  waiting.sort((a, b) => b.area - a.area);
  const placed = [];
  let [x, y, w, h] = [0, 0, width, height];
  while (waiting.length) {
    const side = Math.min(w, h);
    const row = [waiting.shift()];
    let sum = row[0].area;
    while (waiting.length && worst([...row, waiting[0]], sum + waiting[0].area, side) <= worst(row, sum, side)) {
      sum += waiting[0].area;
      row.push(waiting.shift());
    }
    const thick = sum / side;
    let along = 0;
    for (const { item, area } of row) {
      const long = area / thick;
      placed.push(w < h ? { item, x: x + along, y, w: long, h: thick } : { item, x, y: y + along, w: thick, h: long });
      along += long;
    }
    if (w < h) [y, h] = [y + thick, Math.max(0, h - thick)];
    else [x, w] = [x + thick, Math.max(0, w - thick)];
  }
  return placed;
}

/** An element of a drawing. */
export function svg(tag, props = {}, ...children) {
  const node = document.createElementNS(NS, tag);
  for (const [name, value] of Object.entries(props)) if (value !== null && value !== undefined) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** Stripes over a shape: what is short, or lost, is told apart without its colour. */
export const stripes = (id, tone) =>
  svg("pattern", { id, width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" }, svg("line", { x1: 0, y1: 0, x2: 0, y2: 6, class: `vt-share-stripe vt-share-stripe-${tone}` }));
