// What does this view know? The newest sections of the desk, folded from messages.
// An older message is dropped; after a gap nothing is trusted until a full one came. The Python side has the same fold.

/** Lists of rows, with the field that tells the rows apart. */
export const KEYED = { orders: "id", ladder_orders: "id", order_list: "id", fills: "seq", positions: "symbol", symbols: "symbol", watch_rows: "symbol", sparks: "symbol", news: "id", alerts: "id", fired: "n", coach_turns: "id", coach_text: "id" };

/** Columns that grow at their end, with the column that tells the rows apart. */
export const SERIES = { bars: "t", prints: "n", equity: "t" };

export function createStore() {
  const state = {};
  let seq = -1;

  function fold(message) {
    const changed = new Set();
    for (const [name, value] of Object.entries(message.sections ?? {})) {
      state[name] = value;
      changed.add(name);
    }
    for (const [name, patch] of Object.entries(message.rows ?? {})) {
      const key = KEYED[name];
      const byKey = new Map(state[name].map((row) => [row[key], row]));
      for (const row of patch.changed) byKey.set(row[key], row);
      state[name] = (patch.order ?? state[name].map((row) => row[key])).map((id) => byKey.get(id));
      changed.add(name);
    }
    for (const [name, tail] of Object.entries(message.tails ?? {})) {
      const series = { ...state[name], ...tail.values };
      for (const [column, rest] of Object.entries(tail.columns)) {
        series[column] = series[column].slice(tail.drop, tail.drop + tail.keep).concat(rest);
      }
      state[name] = series;
      changed.add(name);
    }
    return changed;
  }

  return {
    state,
    get seq() {
      return seq;
    },
    /** The names of the sections that changed; `null` where a full message is needed first. */
    take(message) {
      if (message.full) {
        if (message.seq < seq) return new Set();
        for (const name of Object.keys(state)) delete state[name];
        seq = message.seq;
        return fold(message);
      }
      if (seq >= 0 && message.seq <= seq) return new Set();
      if (message.seq !== seq + 1 || seq < 0) {
        seq = -1;
        return null;
      }
      seq = message.seq;
      return fold(message);
    },
  };
}
