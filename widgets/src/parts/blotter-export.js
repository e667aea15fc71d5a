// How does a table leave the panel? As a CSV file that the browser writes from parts Python sends, or as a line of code.

import { h, setText } from "../dom.js";
import { plural } from "../format.js";

const PATIENCE_MS = 2000; // what takes longer says how far it is
const AGAIN_MS = 250; // while the table is being made
const TRIES_MAX = 240;

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

/** Fetch a table in parts. Gives { file, rows, bytes (array of Uint8Array), packed }, or { trouble }. */
export async function fetchTable(ask, table, { packed, told = () => {}, wait = sleep }) {
  let reply = await ask({ intent: "export", table, packed });
  let tries = 0;
  while (reply?.kind === "ok" && reply.data.state === "preparing" && tries < TRIES_MAX) {
    tries += 1;
    told(0);
    await wait(AGAIN_MS);
    reply = await ask({ intent: "export", token: reply.data.token, part: 0 });
  }
  const parts = [];
  while (reply?.kind === "ok" && reply.data.state === "ready") {
    const { data } = reply;
    parts.push(bytesOf(data.text));
    told(parts.length / data.parts);
    if (parts.length === data.parts) return { file: data.file, rows: data.rows, packed: data.packed, bytes: parts };
    reply = await ask({ intent: "export", token: data.token, part: parts.length });
  }
  return { trouble: reply === null ? "no answer came; try again" : reply.kind === "ok" ? "the table takes too long; try again" : reply.text };
}

async function unpacked(found) {
  const blob = new Blob(found.bytes);
  if (!found.packed) return blob;
  const stream = blob.stream().pipeThrough(new DecompressionStream("deflate"));
  return new Blob([await new Response(stream).arrayBuffer()], { type: "text/csv" });
}

function save(blob, file) {
  const url = URL.createObjectURL(blob);
  const link = h("a", { href: url, download: file, hidden: true });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

/** Copy a text; whether that went well. */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const box = h("textarea", { class: "vt-unseen", "aria-hidden": "true" });
    box.value = text;
    document.body.append(box);
    const before = document.activeElement;
    box.select();
    const done = document.execCommand("copy");
    box.remove();
    before?.focus?.();
    return done;
  }
}

/** A line of code with a button that copies it. */
export function codeLine(ctx, text) {
  const code = h("code", { class: "vt-codetext", tabindex: "0" }, text);
  const button = h("button", { type: "button", class: "vt-small", on: { click: async () => {
    ctx.say((await copyText(code.textContent)) ? "copied: paste it into a cell" : "this browser does not let a page copy: select the line instead", "ok");
  } } }, "Copy");
  return { node: h("span", { class: "vt-codeline" }, code, button), set: (line) => setText(code, line) };
}

/** The two ways out of a list; `table()` tells which list is shown. */
export function createExport(ctx, table) {
  const csv = h("button", { type: "button", class: "vt-small vt-do-csv", title: "Write all rows into a file", on: { click: write } }, "CSV");
  const line = codeLine(ctx, "");
  line.node.hidden = true;
  const frame = h("button", { type: "button", class: "vt-small vt-do-frame", title: "Show the code that gives this table", "aria-expanded": "false", on: { click: () => {
    line.node.hidden = !line.node.hidden;
    frame.setAttribute("aria-expanded", String(!line.node.hidden));
  } } }, "DataFrame");
  const progress = h("span", { class: "vt-progress-words", role: "status" });

  async function write() {
    csv.disabled = true;
    const begun = performance.now();
    const told = (share) => {
      if (performance.now() - begun > PATIENCE_MS) setText(progress, `writing the file, ${Math.round(100 * share)} %`);
    };
    try {
      const found = await fetchTable(ctx.ask, table(), { packed: typeof DecompressionStream === "function", told });
      if (found.trouble) {
        ctx.say(`The file could not be written: ${found.trouble}`, "error");
      } else {
        save(await unpacked(found), found.file);
        ctx.say(`${found.file}: ${plural(found.rows, "row")}`, "ok");
      }
    } finally {
      csv.disabled = false;
      setText(progress, "");
    }
  }
  return {
    node: h("span", { class: "vt-list-export", role: "group", "aria-label": "Take the table along" }, csv, frame, progress, line.node),
    paint: () => line.set(`desk.${table()}()`),
  };
}
