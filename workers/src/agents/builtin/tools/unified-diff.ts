const contextLines = 3;
/** Longer diffs are cut: a person looks at the file then. */
const diffBytesMax = 65_536;
const cutMark = "\n[the rest of the diff is cut]";

const linesOf = (text: string): string[] => {
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines;
};

const rangeOf = (from: number, count: number): string => `${count === 0 ? from : from + 1},${count}`;

/**
 * What changes in one file, as a unified diff of one hunk: everything between the first and the last line that differ. A file that is
 * new has no text before.
 */
export function oneHunkDiff(path: string, before: string | null, after: string): string {
  const old = linesOf(before ?? "");
  const now = linesOf(after);
  const shorter = Math.min(old.length, now.length);
  let head = 0;
  while (head < shorter && old[head] === now[head]) head += 1;
  let tail = 0;
  while (tail < shorter - head && old.at(-1 - tail) === now.at(-1 - tail)) tail += 1;
  const from = Math.max(0, head - contextLines);
  const keptAfter = Math.min(tail, contextLines);
  const oldTo = old.length - tail;
  const newTo = now.length - tail;
  const body = [
    ...old.slice(from, head).map((line) => ` ${line}`),
    ...old.slice(head, oldTo).map((line) => `-${line}`),
    ...now.slice(head, newTo).map((line) => `+${line}`),
    ...old.slice(oldTo, oldTo + keptAfter).map((line) => ` ${line}`),
  ];
  const ranges = `-${rangeOf(from, oldTo + keptAfter - from)} +${rangeOf(from, newTo + keptAfter - from)}`;
  const name = before === null ? "/dev/null" : `a/${path}`;
  return cutText(`--- ${name}\n+++ b/${path}\n@@ ${ranges} @@\n${body.join("\n")}\n`, diffBytesMax, cutMark);
}

/** The text, or as much of its beginning as fits with the mark behind it. */
function cutText(text: string, bytesMax: number, mark: string): string {
  if (Buffer.byteLength(text) <= bytesMax) return text;
  const head = Buffer.from(text).subarray(0, bytesMax - Buffer.byteLength(mark) - 3);
  return new TextDecoder().decode(head).replace(/\uFFFD+$/, "") + mark;
}
