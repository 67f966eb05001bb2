import type { ReviewComment } from "@agentvine/contracts";

/** What a unified diff says about one file: its lines as they are after the change, as far as the diff shows them. */
type ShownLines = ReadonlyMap<number, string>;

const hunkHead = /^@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@/;

/** git writes names with unusual characters in quotes, bytes as octal numbers. */
function nameOf(written: string): string {
  const name = written.replace(/\t.*$/, "");
  if (!name.startsWith('"')) return name;
  const bytes = name
    .slice(1, -1)
    .replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
    .replaceAll(/\\(["\\])/g, "$1");
  return Buffer.from(bytes, "latin1").toString("utf8");
}

/** The file a line between the hunks names, if it names one. */
function pathIn(line: string): string | undefined {
  const named = /^(?:---|\+\+\+) (.+)$/.exec(line) ?? /^rename to (.+)$/.exec(line);
  const written = named?.[1] ?? /^diff --git (a\/(.+)) b\/\2$/.exec(line)?.[1];
  if (written === undefined) return undefined;
  const path = nameOf(written).replace(/^[ab]\//, "");
  return path === "/dev/null" ? undefined : path;
}

/** One hunk on its way: how many lines of each side are still to come. */
interface Hunk {
  at: number;
  oldLeft: number;
  newLeft: number;
}

function readHead(line: string): Hunk | undefined {
  const head = hunkHead.exec(line);
  return head === null
    ? undefined
    : { oldLeft: Number(head[1] ?? 1), at: Number(head[2]), newLeft: Number(head[3] ?? 1) };
}

/** Takes one line of a hunk. */
function readLine(hunk: Hunk, line: string, shown: Map<number, string>): void {
  if (line.startsWith("-")) {
    hunk.oldLeft -= 1;
  } else if (!line.startsWith("\\")) {
    shown.set(hunk.at, line.slice(1));
    hunk.at += 1;
    hunk.newLeft -= 1;
    if (!line.startsWith("+")) hunk.oldLeft -= 1;
  }
}

/** The files that a unified diff of git changes, with the lines it shows of them. */
export function filesOfDiff(patch: string): Map<string, ShownLines> {
  const files = new Map<string, Map<number, string>>();
  let shown = new Map<number, string>();
  let hunk: Hunk | undefined;
  for (const line of patch.split("\n")) {
    if (hunk !== undefined && (hunk.oldLeft > 0 || hunk.newLeft > 0)) {
      readLine(hunk, line, shown);
      continue;
    }
    hunk = readHead(line);
    const path = pathIn(line);
    if (path === undefined) continue;
    shown = files.get(path) ?? new Map<number, string>();
    files.set(path, shown);
  }
  return files;
}

/** What a person asks to change, as the agent is told: the comment, and a numbered list with the lines it is about. */
export function followUpOf(
  comment: string,
  comments: readonly ReviewComment[],
  files: ReadonlyMap<string, ShownLines>,
): string {
  if (comments.length === 0) return comment;
  const items = comments.map(({ path, line, text }, index) => {
    const quoted = files.get(path)?.get(line);
    const quote = quoted === undefined ? "" : `\n   > ${quoted.slice(0, 300)}`;
    return `${index + 1}. ${path}:${line}${quote}\n   ${text.trim().replaceAll("\n", "\n   ")}`;
  });
  return [comment.trim(), `Comments on lines of your change:\n\n${items.join("\n\n")}`]
    .filter((part) => part !== "")
    .join("\n\n");
}
