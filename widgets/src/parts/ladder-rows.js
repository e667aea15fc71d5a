// Which prices stand on the ladder? Every tick where the grid is tight; where levels lie far apart, the prices at which
// something is, with one line for each stretch of empty ones. Prices are whole ticks. No node of the page in here.

export const HALF = 60; // rows above and below the middle of a ladder of every tick
const SPARSE_SPAN = 60; // ticks; a narrower book is always shown tick by tick
const SPARSE_SHARE = 0.3; // of the ticks between the worst levels that show something
const NEAR = 10; // levels of each side that tell how tight the grid is

const prices = (levels) => levels.map((level) => level[0]);

/** The tick in the middle of the market; null where there is no price at all. */
export function middle({ bid, ask, last, bids = [], asks = [], orders = [] }) {
  const best = bid ?? bids[0]?.[0] ?? null;
  const worst = ask ?? asks[0]?.[0] ?? null;
  if (best !== null && worst !== null) return Math.floor((best + worst) / 2);
  return best ?? worst ?? last ?? orders[0]?.ticks ?? null;
}

/** Whether levels lie so far apart that most rungs would be empty. */
export function isSparse({ bids = [], asks = [] }) {
  const near = [...prices(bids.slice(0, NEAR)), ...prices(asks.slice(0, NEAR))];
  if (near.length < 2) return false;
  const span = Math.max(...near) - Math.min(...near) + 1;
  return span > SPARSE_SPAN && near.length / span < SPARSE_SHARE;
}

/** Every tick around `centre`, dearest first. */
export function tightRows(centre, half = HALF) {
  const rows = [];
  for (let ticks = centre + half; ticks >= Math.max(1, centre - half); ticks -= 1) rows.push({ ticks });
  return rows;
}

/** The prices at which something is, those next to the best ones, and a gap for what lies between; dearest first. */
export function sparseRows({ bid, ask, last, bids = [], asks = [], orders = [] }) {
  const wanted = new Set([...prices(bids), ...prices(asks), ...orders.map((order) => order.ticks)]);
  for (const [ticks, inside] of [[bid, 1], [ask, -1]]) if (ticks) wanted.add(ticks).add(ticks + inside);
  if (bid && ask) wanted.add(Math.floor((bid + ask) / 2)).add(Math.ceil((bid + ask) / 2));
  if (last) wanted.add(last);
  const sorted = [...wanted].filter((ticks) => ticks > 0).sort((a, b) => b - a);
  const rows = [];
  sorted.forEach((ticks, index) => {
    const empty = index ? sorted[index - 1] - ticks - 1 : 0;
    if (empty === 1) rows.push({ ticks: ticks + 1 });
    else if (empty > 1) rows.push({ gap: empty, above: sorted[index - 1] - 1, below: ticks + 1 });
    rows.push({ ticks });
  });
  return rows;
}

/** Own orders by rung and side: { "buy 100": { side, ticks, orders, quantity } }. */
export function chipsOf(orders = []) {
  const chips = new Map();
  for (const order of orders) {
    const key = `${order.side} ${order.ticks}`;
    const chip = chips.get(key) ?? { key, side: order.side, ticks: order.ticks, orders: [], quantity: 0 };
    chip.orders.push(order);
    chip.quantity += order.quantity;
    chips.set(key, chip);
  }
  return chips;
}

/** The largest size on the ladder, for the length of bars. */
export const largest = ({ bids = [], asks = [] }) => Math.max(0, ...bids.map((level) => level[1]), ...asks.map((level) => level[1]));

/** Whether an order at this price would meet the other side. */
export const crosses = ({ bid, ask }, side, ticks) => (side === "buy" ? Boolean(ask) && ticks >= ask : Boolean(bid) && ticks <= bid);

/** A price without the dust of binary fractions. */
export const priceOf = ({ tick, decimals }, ticks) => Number((ticks * tick).toFixed(Math.max(decimals ?? 2, 6)));
