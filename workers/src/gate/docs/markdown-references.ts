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
function slugOf(text: string): string {
  return text
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replace(/<[^>]+>/g, "")
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .trim()
    .replaceAll(/\s/g, "-");
}

/** Does a code span look like a path of the repository? Words with a slash alone (`and/or`, `text/plain`) do not. */
function looksLikePath(span: string): boolean {
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

interface CodeBlock {
  readonly marker: string;
  readonly isShell: boolean;
  readonly hasLanguage: boolean;
  readonly lines: { readonly text: string; readonly line: number }[];
}

const prompt = /^\s*\$\s+(.*)$/;

/** The command lines of a block: where prompts are shown, lines without one are output. */
function commandLines({ isShell, hasLanguage, lines }: CodeBlock): { text: string; line: number }[] {
  if (!isShell && hasLanguage) {
    return [];
  }
  const hasPrompts = lines.some(({ text }) => prompt.test(text));
  const commands: { text: string; line: number }[] = [];
  let isContinued = false;
  for (const { text, line } of lines) {
    const prompted = prompt.exec(text)?.[1];
    const last = commands.at(-1);
    if (isContinued && last !== undefined) {
      last.text = `${last.text.replace(/\\$/, "")} ${text.trim()}`;
    } else if (prompted !== undefined || (isShell && !hasPrompts)) {
      commands.push({ text: (prompted ?? text).trim(), line });
    }
    isContinued = commands.at(-1)?.text.endsWith("\\") ?? false;
  }
  return commands;
}

function scanBlock(scanner: Scanner, block: CodeBlock): void {
  for (const { text, line } of commandLines(block)) {
    const target = text.replace(/(?:^|\s)#.*$/, "").trim();
    if (target !== "") {
      scanner.references.push({ kind: "command", target, line });
    }
  }
}

function openBlock(mark: RegExpExecArray): CodeBlock {
  const language = (mark[2] ?? "").toLowerCase();
  return {
    marker: mark[1] ?? "```",
    isShell: shellLanguages.has(language),
    hasLanguage: language !== "",
    lines: [],
  };
}

/** Finds what a Markdown text points at. Never throws. */
export function readMarkdown(text: string): MarkdownDocument {
  const scanner: Scanner = { references: [], anchors: new Set(), slugs: new Map() };
  let open: CodeBlock | null = null;
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const mark = fence.exec(line);
    const isEnd = open !== null && mark !== null && (mark[1] ?? "").startsWith(open.marker) && mark[2] === "";
    if (open !== null && isEnd) {
      scanBlock(scanner, open);
      open = null;
    } else if (open !== null) {
      open.lines.push({ text: line, line: index + 1 });
    } else if (mark !== null) {
      open = openBlock(mark);
    } else {
      scanProse(scanner, line, index + 1);
    }
  }
  if (open !== null) {
    scanBlock(scanner, open);
  }
  return { references: scanner.references, anchors: scanner.anchors };
}
