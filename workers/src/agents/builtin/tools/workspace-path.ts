import { posix } from "node:path";

/** A path as a tool takes it, seen from the workspace root. */
export interface WorkspacePath {
  /** `.` is the root. Meaningless when it lies outside. */
  readonly relative: string;
  readonly isOutside: boolean;
  /** Inside `.git`, which the tools for files leave alone. */
  readonly isGitInternal: boolean;
}

/** Reads a path relative to the workspace root, or absolute below it. */
export function workspacePath(path: string, root: string): WorkspacePath {
  const relative = posix.isAbsolute(path)
    ? posix.relative(root, posix.normalize(path)) || "."
    : posix.normalize(path).replace(/\/+$/, "") || ".";
  const isOutside = relative === ".." || relative.startsWith("../") || path.startsWith("~");
  return { relative, isOutside, isGitInternal: /^\.git(\/|$)/i.test(relative) };
}
