// What does the ticket ask for, and when? Words and numbers as typed; what they mean is decided by the desk.
// Nothing here knows a rule of the market: which fields a type needs stands in the section "ticket".

export const PREVIEW_MS = 120; // how long typing must pause before a preview is asked for
export const AGAIN_MS = 350; // how soon after one order a second one may follow: a double click is one order

/** How many decimals numbers on this grid have. */
export function decimalsOf(step) {
  for (let decimals = 0; decimals < 6; decimals += 1) if (Math.abs(Math.round(step * 10 ** decimals) / 10 ** decimals - step) < 1e-9) return decimals;
  return 6;
}

/** A typed number one or more steps further, never below one step; `null` where it is no number. */
export function stepped(text, by, step, start = 0) {
  const typed = String(text ?? "").trim();
  const from = typed === "" ? start : Number(typed);
  if (!Number.isFinite(from) || !(step > 0)) return null;
  const on = from / step;
  const whole = by > 0 ? Math.floor(on + 1e-9) : Math.ceil(on - 1e-9);
  return (Math.max(1, whole + by) * step).toFixed(decimalsOf(step));
}

/**
 * The fields that this form needs, by name.
 *
 * form: { change, plan: "order|bracket|exits", type, tif }; ticket: the section.
 */
export function visible(form, ticket) {
  const prices = ticket?.fields?.[form.type] ?? [];
  if (form.change) return new Set(["quantity", ...prices.filter((name) => name !== "trail")]);
  if (form.plan === "exits") return new Set(["quantity", "take_profit", "stop_loss"]);
  const shown = new Set(["side", "type", "tif", "quantity", ...prices]);
  if (form.tif === "GTD") shown.add("good_till");
  if (form.plan === "bracket") return new Set([...shown, "take_profit", "stop_loss"]);
  for (const [flag, where] of Object.entries(ticket?.flags ?? {})) if (where[form.type]?.includes(form.tif)) shown.add(flag);
  return shown;
}

/** Times in force that go with a type. */
export const tifsOf = (type, ticket) => ticket?.tifs_of?.[type] ?? ticket?.tifs ?? [];

/** What is asked for: the fields that are shown, as typed; an empty one is left out. */
export function intentOf(form, values, ticket) {
  const shown = visible(form, ticket);
  const asked = { symbol: form.symbol };
  if (form.change) asked.id = form.change;
  else if (form.plan === "exits") asked.plan = "exits";
  else Object.assign(asked, { plan: form.plan, side: form.side, type: form.type, tif: form.tif });
  for (const name of ["quantity", "limit_price", "stop_price", "trail", "display", "good_till", "take_profit", "stop_loss"]) {
    const typed = String(values[name] ?? "").trim();
    if (shown.has(name) && typed !== "") asked[name === "trail" && form.trailBps ? "trail_bps" : name] = typed;
  }
  for (const name of ["post_only", "reduce_only"]) if (shown.has(name) && values[name]) asked[name] = true;
  return asked;
}

/** The intent that sends what `intentOf` gave. */
export const sends = (form) => (form.change ? "replace" : { bracket: "bracket", exits: "exits" }[form.plan] ?? "submit");

/**
 * Asks for previews while somebody types: not before a pause, and only the newest answer counts.
 *
 * options: { ask(intent) -> Promise, shown(reply, intent), later = setTimeout, forget = clearTimeout }
 */
export function createPreviewer({ ask, shown, later = setTimeout, forget = clearTimeout }) {
  let timer = null;
  let newest = 0;
  let answered = "";
  let underWay = false;
  let wanted = null;

  async function run(asked, key) {
    if (underWay) {
      wanted = [asked, key]; // one question at a time: a slow kernel is not flooded
      return;
    }
    underWay = true;
    newest += 1;
    const mine = newest;
    const reply = await ask({ ...asked, intent: "preview" });
    underWay = false;
    if (wanted) {
      const [next, nextKey] = wanted;
      wanted = null;
      run(next, nextKey);
      return;
    }
    if (mine !== newest) return;
    answered = reply ? key : "";
    shown(reply, asked);
  }

  return {
    /** Ask soon; at once where `now` is true. */
    want(asked, now = false) {
      const key = JSON.stringify(asked);
      if (timer !== null) forget(timer);
      timer = null;
      newest += 1; // what is on its way is about something else
      if (now) return run(asked, key);
      timer = later(() => {
        timer = null;
        run(asked, key);
      }, PREVIEW_MS);
      return null;
    },
    /** Whether the preview that is shown is about exactly this. */
    isOf: (asked) => answered === JSON.stringify(asked),
    stop() {
      if (timer !== null) forget(timer);
      timer = null;
      wanted = null;
      newest += 1;
    },
  };
}

/**
 * Sends, and never twice: while an answer is awaited nothing else goes, a double click is one order, and what got no
 * answer is sent again under the same name, so that the desk can tell.
 *
 * options: { ask(intent) -> Promise of reply or null, clock() -> ms, name: how orders of this view begin }
 */
export function createSender({ ask, clock = () => Date.now(), name }) {
  let busy = false;
  let last = -Infinity;
  let count = 0;
  let unsure = null; // { key, id } of what got no answer

  return {
    get busy() {
      return busy;
    },
    /** The reply; `undefined` where nothing was sent, `null` where no answer came. */
    async send(intent, asked) {
      const now = clock();
      if (busy || now - last < AGAIN_MS) return undefined;
      last = now;
      busy = true;
      const key = JSON.stringify([intent, asked]);
      if (unsure?.key !== key) count += 1;
      const id = unsure?.key === key ? unsure.id : `p-${name}-${count}`;
      const whole = { ...asked, intent, ...(intent === "replace" ? {} : { client_order_id: id }) };
      delete whole.plan;
      let reply = null;
      try {
        reply = await ask(whole);
      } finally {
        busy = false;
        last = clock();
        unsure = reply ? null : { key, id };
      }
      return reply;
    },
  };
}
