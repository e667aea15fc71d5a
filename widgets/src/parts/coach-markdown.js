// How does an answer become text on the page? A small part of Markdown: paragraphs, lists, bold, code.
// What is read are blocks of spans, plain values; what is built are text nodes. Nothing in a text is ever markup of the page.

const ESCAPED = "\\`*_[]<>|$~#->.!()";
const BULLET = /^\s{0,3}[-*•]\s+(.*)$/;
const NUMBERED = /^\s{0,3}\d{1,3}[.)]\s+(.*)$/;
const FENCE = /^\s{0,3}(```|~~~)/;
const HEADING = /^\s{0,3}#{1,6}\s+(.*?)\s*#*$/;
const QUOTE = /^\s{0,3}>\s?(.*)$/;

/** The spans of a line: [{ text, kind: "plain|bold|code" }]; a mark without its partner is text. */
export function spans(line) {
  const found = [];
  let plain = "";
  let bold = false;
  const flush = () => {
    if (plain) found.push({ kind: bold ? "bold" : "plain", text: plain });
    plain = "";
  };
  let i = 0;
  while (i < line.length) {
    if (line[i] === "\\" && i + 1 < line.length && ESCAPED.includes(line[i + 1])) {
      plain += line[i + 1];
      i += 2;
    } else if (line[i] === "`") {
      const end = line.indexOf("`", i + 1);
      if (end < 0) {
        plain += "`";
        i += 1;
      } else {
        flush();
        if (end > i + 1) found.push({ kind: "code", text: line.slice(i + 1, end) });
        i = end + 1;
      }
    } else if (line.startsWith("**", i) && (bold || line.indexOf("**", i + 2) > i + 2)) {
      flush();
      bold = !bold;
      i += 2;
    } else {
      plain += line[i];
      i += 1;
    }
  }
  flush();
  return found;
}

/** The blocks of a text: [{ kind: "p|ul|ol|code|quote", lines: [spans] }]; a code block has { kind, text }. */
export function blocks(text) {
  const found = [];
  let open = null;
  const add = (kind, line) => {
    if (open?.kind !== kind) found.push((open = { kind, lines: [] }));
    open.lines.push(spans(line));
  };
  const lines = String(text).replaceAll("\r\n", "\n").split("\n");
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at];
    const fence = line.match(FENCE);
    if (fence) {
      const rest = [];
      for (at += 1; at < lines.length && !lines[at].trimStart().startsWith(fence[1]); at += 1) rest.push(lines[at]);
      found.push({ kind: "code", text: rest.join("\n") });
      open = null;
    } else if (!line.trim()) {
      open = null;
    } else if (HEADING.test(line)) {
      found.push({ kind: "p", lines: [[{ kind: "bold", text: spans(line.match(HEADING)[1]).map((span) => span.text).join("") }]] });
      open = null;
    } else if (BULLET.test(line)) {
      add("ul", line.match(BULLET)[1]);
    } else if (NUMBERED.test(line)) {
      add("ol", line.match(NUMBERED)[1]);
    } else if (QUOTE.test(line)) {
      add("quote", line.match(QUOTE)[1]);
    } else if (open && (open.kind === "ul" || open.kind === "ol") && /^\s{2,}/.test(line)) {
      open.lines[open.lines.length - 1].push({ kind: "plain", text: " " }, ...spans(line.trim()));
    } else {
      add("p", line);
    }
  }
  return found;
}

/** What a screen reader is told of a text: its words, without marks. */
export function plainText(text) {
  return blocks(text)
    .map((block) => block.text ?? block.lines.map((line) => line.map((span) => span.text).join("")).join(" "))
    .join(" ");
}

const TAGS = { bold: "strong", code: "code" };

function filled(h, tag, line) {
  return h(tag, {}, ...line.map((span) => (TAGS[span.kind] ? h(TAGS[span.kind], {}, span.text) : span.text)));
}

/** A block as a node; `h` makes elements. */
export function blockNode(h, block) {
  if (block.kind === "code") return h("pre", { tabindex: "0", "aria-label": "Code" }, h("code", {}, block.text));
  if (block.kind === "ul" || block.kind === "ol") return h(block.kind, {}, ...block.lines.map((line) => filled(h, "li", line)));
  const inner = block.lines.flatMap((line, index) => [...(index ? ["\n"] : []), ...filled(h, "span", line).childNodes]);
  return h(block.kind === "quote" ? "blockquote" : "p", {}, ...inner);
}

/** A box whose text can grow: blocks that stay as they are keep their nodes, and a selection in them. */
export function createText(h) {
  const node = h("div", { class: "vt-said" });
  let shown = [];
  function paint(text) {
    const next = blocks(text).map((block) => ({ block, key: JSON.stringify(block) }));
    let same = 0;
    while (same < next.length && same < shown.length && next[same].key === shown[same]) same += 1;
    while (node.childNodes.length > same) node.lastChild.remove();
    node.append(...next.slice(same).map(({ block }) => blockNode(h, block)));
    shown = next.map(({ key }) => key);
  }
  return { node, paint };
}
