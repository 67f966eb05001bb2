import { posix } from "node:path";
import { AppError } from "@agentvine/kit";

/**
 * The path relative to the workspace root, normalised. Absolute paths are taken when they lie below the root.
 * @throws AppError `sandbox.failed` when it leaves the root or can't be a path. Symbolic links are judged where the path is used.
 */
export function relativeToWorkspace(root: string, path: string): string {
  const inside = path === root ? "." : path.startsWith(`${root}/`) ? path.slice(root.length + 1) : path;
  const normal = posix.normalize(inside).replace(/(?<=.)\/+$/, "");
  if (
    path === "" ||
    path.includes("\0") ||
    normal.startsWith("/") ||
    normal === ".." ||
    normal.startsWith("../")
  ) {
    throw refused(path, "it lies outside of the workspace");
  }
  return normal;
}

/** The error for a path that may not be used. */
export function refused(path: string, why: string): AppError {
  return new AppError("sandbox.failed", `The path ${JSON.stringify(shortened(path))} is refused: ${why}.`);
}

const shortened = (path: string): string => (path.length > 200 ? `${path.slice(0, 200)}…` : path);
