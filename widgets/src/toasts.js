// What has to be said beside the controls? Short sentences that come and go, and that a screen reader reads once.

import { h } from "./dom.js";

const SHOWN_MS = 7000;
const SHOWN_MOST = 4;
const SIGNS = { ok: "✓", error: "✕", badge: "★", alert: "◆" };

export function createToasts() {
  const node = h("div", { class: "vt-toasts", role: "status", "aria-live": "polite", "aria-label": "Messages" });
  const timers = new Map();

  function drop(toast) {
    clearTimeout(timers.get(toast));
    timers.delete(toast);
    toast.remove();
  }

  function wait(toast) {
    clearTimeout(timers.get(toast));
    timers.set(toast, setTimeout(() => drop(toast), SHOWN_MS));
  }

  return {
    node,
    /** Show a sentence. kind: ok, error, badge or alert. */
    say(text, kind = "ok") {
      if (!text) return;
      const close = h("button", { type: "button", class: "vt-toast-close", "aria-label": "Close this message", on: { click: () => drop(toast) } }, "×");
      const toast = h("div", { class: "vt-toast", "data-kind": kind }, h("span", { "aria-hidden": "true" }, SIGNS[kind] ?? "•"), h("span", { class: "vt-toast-text" }, text), close);
      toast.addEventListener("mouseenter", () => clearTimeout(timers.get(toast)));
      toast.addEventListener("mouseleave", () => wait(toast));
      toast.addEventListener("focusin", () => clearTimeout(timers.get(toast)));
      toast.addEventListener("focusout", () => wait(toast));
      node.append(toast);
      wait(toast);
      while (node.children.length > SHOWN_MOST) drop(node.firstChild);
    },
    close() {
      for (const timer of timers.values()) clearTimeout(timer);
    },
  };
}
