// What does this view know? The newest sections of the desk, folded from messages.
// An older message is dropped; after a gap nothing is trusted until a full one came. The Python side has the same fold.

const KEYED = { orders: "id", positions: "symbol", symbols: "symbol" };
const SERIES = ["t", "o", "h", "l", "c", "v"];

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
    const tail = message.bars_tail;
    if (tail) {
      const bars = { ...state.bars };
      for (const name of SERIES) bars[name] = bars[name].slice(tail.drop, tail.drop + tail.keep).concat(tail[name]);
      state.bars = bars;
      changed.add("bars");
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
