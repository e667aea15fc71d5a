// What was earned since somebody last looked? Each badge is said once, quietly, and never again after a reload.

/**
 * Which badges to tell of, and what to remember. `known`: ids remembered, null on the first look ever; `earned`: [[id,
 * title]]; `fresh`: whether this view looks for the first time. What a new desk lacks can be earned and told again;
 * while a view looks on, a rewind makes nothing be told twice.
 */
export function awardNews(known, earned, fresh) {
  const ids = earned.map(([id]) => id);
  if (known === null) return { told: [], remember: ids };
  const base = fresh ? known.filter((id) => ids.includes(id)) : known;
  const told = earned.filter(([id]) => !base.includes(id));
  return { told, remember: [...base, ...told.map(([id]) => id)] };
}

/** Looks on beside any part; it has no picture of its own. */
export function createAwards(ctx) {
  let known = null; // what this view knows to have been told; null before its first look
  let level = null;
  return {
    needs: ["earned"],
    paint({ earned, prefs }) {
      if (!earned?.account || prefs === undefined) return;
      const kept = ctx.prefs.get("badges told", null);
      const { told, remember } = awardNews(known ?? kept, earned.badges, known === null);
      known = remember;
      for (const [, title] of told) ctx.say(`Badge earned: ${title}`, "badge");
      if (level !== null && earned.level > level) ctx.say(`Level ${earned.level}: ${earned.title}`, "badge");
      level = Math.max(level ?? 0, earned.level);
      if (kept === null || kept.join() !== known.join()) ctx.prefs.set("badges told", known);
    },
  };
}
