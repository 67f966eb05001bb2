/** Something a document points at, and the line (1 …) where it does. */
export interface Reference {
  readonly kind: "link" | "path" | "command";
  readonly target: string;
  readonly line: number;
}

export interface MarkdownDocument {
  readonly references: readonly Reference[];
  /** Names that links may point at within the document. */
  readonly anchors: ReadonlySet<string>;
}

const fence = /^\s{0,8}(`{3,}|~{3,})\s*([\w+-]*)/;
const heading = /^\s{0,3}(#{1,6})\s+(.*?)\s*#*\s*$/;
const inlineLink =
  /!?\[(?:[^[\]]|\[[^\]]*\])*\]\(\s*(?:<([^>]*)>|([^()\s]+(?:\([^()\s]*\)[^()\s]*)*))(?:\s+["'(][^)]*)?\s*\)/g;
const referenceDefinition = /^\s{0,3}\[[^\]^][^\]]*\]:\s*<?(\S+?)>?(?:\s|$)/;
const htmlLink = /\b(?:href|src)\s*=\s*["']([^"']+)["']/gi;
const htmlAnchor = /\b(?:id|name)\s*=\s*["']([^"']+)["']/gi;
const codeSpan = /(`+)([^`]+?)\1(?!`)/g;
const shellLanguages = new Set(["sh", "bash", "shell", "zsh", "console", "terminal", "shellsession"]);

/** The anchor GitHub gives a heading, before it numbers repetitions. */
export function slugOf(text: string): string {
  return text
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replace(/<[^>]+>/g, "")
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .trim()
    .replaceAll(/\s/g, "-");
}

/** Does a code span look like a path of the repository? Words with a slash alone (`and/or`, `text/plain`) do not. */
export function looksLikePath(span: string): boolean {
  if (!/^\.{0,2}\/?[\w.-]+(?:\/[\w.-]+)*\/?$/.test(span) || !span.includes("/") || span.startsWith("/")) {
    return false;
  }
  const last = span.split("/").at(-1) ?? "";
  return span.startsWith("./") || last === "" || /^[\w-]+(?:\.[\w-]+)*\.[a-z][a-z0-9]{0,4}$/.test(last);
}

interface Scanner {
  references: Reference[];
  anchors: Set<string>;
  slugs: Map<string, number>;
}

function addAnchor(scanner: Scanner, text: string): void {
  const slug = slugOf(text);
  const count = scanner.slugs.get(slug) ?? 0;
  scanner.slugs.set(slug, count + 1);
  scanner.anchors.add(count === 0 ? slug : `${slug}-${count}`);
}

function scanProse(scanner: Scanner, text: string, line: number): void {
  const title = heading.exec(text);
  if (title !== null) {
    addAnchor(scanner, (title[2] ?? "").replaceAll("`", ""));
  }
  for (const span of text.matchAll(codeSpan)) {
    const target = (span[2] ?? "").trim();
    if (looksLikePath(target)) {
      scanner.references.push({ kind: "path", target, line });
    }
  }
  const prose = text.replace(codeSpan, (all) => "x".repeat(all.length));
  for (const found of prose.matchAll(inlineLink)) {
    scanner.references.push({ kind: "link", target: found[1] ?? found[2] ?? "", line });
  }
  const definition = referenceDefinition.exec(prose);
  if (definition !== null) {
    scanner.references.push({ kind: "link", target: definition[1] ?? "", line });
  }
  for (const found of prose.matchAll(htmlLink)) {
    scanner.references.push({ kind: "link", target: found[1] ?? "", line });
  }
  for (const found of prose.matchAll(htmlAnchor)) {
    scanner.anchors.add(found[1] ?? "");
  }
}

interface OpenFence {
  readonly marker: string;
  readonly isShell: boolean;
  readonly hasLanguage: boolean;
  pending: string;
}

/** A line with a prompt is a command; where prompts are shown, lines without one are output. */
function scanCode(scanner: Scanner, open: OpenFence, text: string, line: number, hasPrompts: boolean): void {
  const prompted = /^\s*[$>]\s+(.*)$/.exec(text);
  const isCommand = open.pending !== "" || prompted !== null || (open.isShell && !hasPrompts);
  if (!isCommand || (!open.isShell && open.hasLanguage)) {
    return;
  }
  const command = `${open.pending}${open.pending === "" ? (prompted?.[1] ?? text) : text}`.trim();
  if (command.endsWith("\\")) {
    open.pending = `${command.slice(0, -1)} `;
    return;
  }
  open.pending = "";
  const plain = command.replace(/(?:^|\s)#.*$/, "").trim();
  if (plain !== "") {
    scanner.references.push({ kind: "command", target: plain, line });
  }
}

/** Finds what a Markdown text points at. Never throws. */
export function readMarkdown(text: string): MarkdownDocument {
  const scanner: Scanner = { references: [], anchors: new Set(), slugs: new Map() };
  const lines = text.split(/\r?\n/);
  let open: OpenFence | null = null;
  for (const [index, line] of lines.entries()) {
    const mark = fence.exec(line);
    if (open !== null) {
      if (mark !== null && (mark[1] ?? "").startsWith(open.marker) && mark[2] === "") {
        open = null;
      } else {
        const block = lines.slice(index).findIndex((later) => later.trim().startsWith("```"));
        const hasPrompts = lines
          .slice(Math.max(0, index - 20), index + Math.max(1, block))
          .some((near) => /^\s*\$\s/.test(near));
        scanCode(scanner, open, line, index + 1, hasPrompts);
      }
    } else if (mark !== null) {
      const language = (mark[2] ?? "").toLowerCase();
      open = {
        marker: mark[1] ?? "```",
        isShell: shellLanguages.has(language),
        hasLanguage: language !== "",
        pending: "",
      };
    } else {
      scanProse(scanner, line, index + 1);
    }
  }
  return { references: scanner.references, anchors: scanner.anchors };
}
