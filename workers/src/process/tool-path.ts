import { delimiter, dirname } from "node:path";

const standardDirectories = [
  "/usr/local/sbin",
  "/usr/local/bin",
  "/usr/sbin",
  "/usr/bin",
  "/sbin",
  "/bin",
  "/opt/homebrew/bin",
];

/** PATH for commands: the running Node first, so that a command's `node` is ours, then `path` or the standard directories. */
export function toolPath(path?: string): string {
  const rest = path === undefined || path === "" ? standardDirectories : path.split(delimiter);
  return [...new Set([dirname(process.execPath), ...rest.filter((entry) => entry.startsWith("/"))])].join(
    delimiter,
  );
}
