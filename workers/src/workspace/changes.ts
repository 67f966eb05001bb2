import { commitSchema, type FileChange } from "@agentvine/contracts";
import type { Mirror } from "./mirror.ts";

/** Files that differ between two commits of the mirror. Binary files count no lines. */
export async function changedFiles(mirror: Mirror, base: string, commit: string): Promise<FileChange[]> {
  const { text } = await mirror.git(
    [
      "diff-tree",
      "-r",
      "-z",
      "--raw",
      "--numstat",
      "--find-renames",
      "--no-ext-diff",
      "--no-textconv",
      commitSchema.parse(base),
      commitSchema.parse(commit),
    ],
    { outputBytesMax: 32 * 1_048_576 },
  );
  return parseChanges(text.split("\0"));
}

const statuses: Readonly<Record<string, FileChange["status"]>> = {
  A: "added",
  C: "added",
  D: "deleted",
  R: "renamed",
};

/** Reads one token after the other. */
function createReader(tokens: readonly string[]) {
  let next = 0;
  return {
    peek: () => tokens[next] ?? "",
    take: () => tokens[next++] ?? "",
  };
}

/** Raw entries come first (`:modes ids status`, path, and for renames a second path), then `additions TAB deletions TAB path`. */
function parseChanges(tokens: readonly string[]): FileChange[] {
  const changes = new Map<string, FileChange>();
  const reader = createReader(tokens);
  while (reader.peek().startsWith(":")) {
    const letter = reader.take().split(" ")[4]?.[0] ?? "M";
    const first = reader.take();
    const path = letter === "R" || letter === "C" ? reader.take() : first;
    changes.set(path, { path, status: statuses[letter] ?? "modified", additions: 0, deletions: 0 });
  }
  while (reader.peek() !== "") {
    const [additions, deletions, first] = splitCounts(reader.take());
    // A rename leaves the path empty and lets the old and the new one follow.
    const path = first === "" ? [reader.take(), reader.take()][1] : first;
    const change = changes.get(path ?? "");
    if (change !== undefined) {
      changes.set(change.path, { ...change, additions, deletions });
    }
  }
  return [...changes.values()];
}

function splitCounts(token: string): [additions: number, deletions: number, path: string] {
  const [additions = "", deletions = "", ...path] = token.split("\t");
  return [lineCount(additions), lineCount(deletions), path.join("\t")];
}

const lineCount = (count: string): number => (count === "-" ? 0 : Number(count));

export interface UnifiedDiff {
  readonly patch: string;
  readonly isTruncated: boolean;
}

/**
 * The difference between two commits of the mirror as a unified diff. Cut at the end of a line when longer than `bytesMax` (4 MiB by
 * default); binary files are only named.
 */
export async function unifiedDiff(
  mirror: Mirror,
  base: string,
  commit: string,
  { bytesMax = 4 * 1_048_576 }: { readonly bytesMax?: number } = {},
): Promise<UnifiedDiff> {
  const output = await mirror.git(
    [
      "diff",
      "--no-color",
      "--no-ext-diff",
      "--no-textconv",
      "--find-renames",
      "--src-prefix=a/",
      "--dst-prefix=b/",
      "--full-index",
      commitSchema.parse(base),
      commitSchema.parse(commit),
      "--",
    ],
    { outputBytesMax: bytesMax },
  );
  const patch = output.isTruncated ? output.text.slice(0, output.text.lastIndexOf("\n") + 1) : output.text;
  // PostgreSQL takes no NUL; git shows none in text, but a name or an odd encoding might.
  return { patch: patch.replaceAll("\0", "\ufffd"), isTruncated: output.isTruncated };
}
