// How does one view speak with the kernel? It greets, says what it looks at, asks, and gets one reply for each question.
// Nothing is asked twice by itself: a question without an answer is told to the trader.

const ANSWER_MS = 6000; // how long a click waits for its reply
const HELLO_MS = 2500; // how long a hello waits for the picture
const ALIVE_MS = 60000; // how often a view says that it is still there

export const NO_ANSWER = "The kernel does not answer. It may be busy with a cell; if it was restarted, run this cell again.";

export const GONE = "The kernel in which this desk lived is gone. If it was restarted, run this cell again.";

/**
 * @param model   the widget's model: send, on, off
 * @param store   where messages are folded
 * @param on      { changed(names), silent(text or null) }
 */
export function createLink(model, store, on) {
  const viewId = Math.random().toString(36).slice(2, 10);
  const waiting = new Map(); // request -> { resolve, timer }
  let requests = 0;
  let greeting = 0;
  let needs = [];

  /** Send; false where there is nobody to send to any more. */
  function say(content) {
    try {
      model.send({ ...content, view: viewId });
      return true;
    } catch {
      on.silent(GONE);
      return false;
    }
  }

  /** Ask for the whole picture, three times at most before the trader is told. */
  function hello(tries = 3) {
    clearTimeout(greeting);
    if (!say({ hello: true, needs })) return;
    greeting = setTimeout(() => {
      greeting = 0;
      if (tries > 1) hello(tries - 1);
      else on.silent(NO_ANSWER);
    }, HELLO_MS);
  }

  function request(content) {
    requests += 1;
    const name = `${viewId}-${requests}`;
    if (!say({ ...content, request: name })) return Promise.resolve(null);
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        waiting.delete(name);
        on.silent(NO_ANSWER);
        resolve(null);
      }, ANSWER_MS);
      waiting.set(name, { resolve, timer });
    });
  }

  function answered(reply) {
    const waiter = waiting.get(reply.reply);
    if (!waiter) return; // the answer to another view, or one that came too late
    clearTimeout(waiter.timer);
    waiting.delete(reply.reply);
    waiter.resolve(reply);
  }

  function hear(message) {
    if (!message || typeof message.seq !== "number") return;
    for (const reply of message.replies ?? []) answered(reply);
    const names = store.take(message);
    if (names === null) {
      if (!greeting) hello();
      return;
    }
    on.silent(null);
    clearTimeout(greeting);
    greeting = 0;
    on.changed(names, Boolean(message.full));
  }

  const alive = setInterval(() => say({ alive: true, needs }), ALIVE_MS);
  model.on("msg:custom", hear);

  return {
    viewId,
    /** Send an intent; resolves to its reply, or to null when none came in time. */
    ask: (intent) => request(intent),
    look: (changes) => request({ look: changes }),
    /** Say which sections are looked at; the first time this is the greeting. */
    need(names) {
      const wanted = [...new Set(names)].sort();
      const known = needs.join();
      needs = wanted;
      if (!known) hello();
      else if (wanted.join() !== known) say({ needs });
    },
    close() {
      model.off("msg:custom", hear);
      clearInterval(alive);
      clearTimeout(greeting);
      for (const { timer, resolve } of waiting.values()) {
        clearTimeout(timer);
        resolve(null);
      }
      waiting.clear();
      say({ bye: true });
    },
  };
}
