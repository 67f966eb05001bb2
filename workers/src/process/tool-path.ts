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

/**
 * PATH for commands: `path` (its absolute entries), else the standard directories, with the running Node's directory in front unless
 * it is there already; the order that somebody chose is kept.
 */
export function toolPath(path?: string): string {
  const given = (path ?? "").split(delimiter).filter((entry) => entry.startsWith("/"));
  const entries = given.length > 0 ? given : standardDirectories;
  const own = dirname(process.execPath);
  return (entries.includes(own) ? entries : [own, ...entries]).join(delimiter);
}
