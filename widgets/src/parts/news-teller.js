// What is told aloud while nobody looks at the news? Alerts that fired and announcements of the room: each once, and only
// what came after this view was opened. A sound goes with an alert where its owner asked for one.

const SOUND = { hz: 880, s: 0.18, loud: 0.08 };

/** The rows that are newer than `last`, oldest first, and the newest number. The first look tells nothing. */
export function newer(rows, last, number) {
  const most = rows.reduce((top, row) => Math.max(top, number(row)), last ?? -Infinity);
  if (last === null) return { fresh: [], last: most };
  return { fresh: rows.filter((row) => number(row) > last).sort((a, b) => number(a) - number(b)), last: most };
}

export function createTeller(ctx) {
  let lastFired = null;
  let lastNews = null;

  function beep() {
    const Audio = globalThis.AudioContext;
    if (!Audio) return;
    const audio = new Audio();
    const tone = audio.createOscillator();
    const gain = audio.createGain();
    tone.frequency.value = SOUND.hz;
    gain.gain.value = SOUND.loud;
    tone.connect(gain).connect(audio.destination);
    tone.onended = () => audio.close();
    tone.start();
    tone.stop(audio.currentTime + SOUND.s);
  }

  return {
    needs: ["fired", "news", "prefs"],
    paint(state, changed) {
      if (changed.has("fired") && state.fired) {
        const { fresh, last } = newer(state.fired, lastFired, (row) => row.n);
        lastFired = last;
        for (const row of fresh) ctx.say(`${row.time} ${row.text}`, "alert");
        if (fresh.length && ctx.prefs.get("alert_sound", false) === true) beep();
      }
      if (changed.has("news") && state.news) {
        const { fresh, last } = newer(state.news, lastNews, (row) => row.ts_s);
        lastNews = last;
        for (const row of fresh) if (row.kind !== "headline") ctx.say(`${row.time} ${row.headline}`, "alert");
        ctx.emit("unread", unread(state.news, ctx.prefs.get("news_read", 0)).length);
      }
    },
  };
}

/** News that came after the newest one that was read. */
export const unread = (news, readS) => news.filter((row) => row.ts_s > readS);
