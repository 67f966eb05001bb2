import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, realpathSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { directoryError } from "./directory-error.ts";
import { findServerAccount, type ServerAccount } from "./server-account.ts";

/** Where things live that root's server account must reach. */
export const systemDirectory = "/var/lib/agentvine";

export interface ResolveClusterDirOptions {
  /** The account the server runs under, null for our own; found out by default. */
  account?: ServerAccount | null;
  systemDirectory?: string;
}

/**
 * The data directory of the embedded PostgreSQL of an AgentVine home, which is created when missing. Normally
 * `<home>/postgres`. As root the server runs under an account that can't enter a private home; then it is a directory
 * below /var/lib/agentvine/clusters, and a file in the home remembers which one. So the choice is stable, moves with
 * the home, and a deleted home starts afresh.
 * @throws AppError `home.unusable` or `storage.full`.
 */
export function resolveClusterDir(home: string, options: ResolveClusterDirOptions = {}): string {
  const { account = findServerAccount() ?? null, systemDirectory: outside = systemDirectory } = options;
  const inside = join(home, "postgres");
  const memory = join(home, "postgres.location");
  try {
    mkdirSync(home, { recursive: true, mode: 0o700 });
    if (existsSync(memory)) {
      return readFileSync(memory, "utf8").trim();
    }
    if (existsSync(join(inside, "PG_VERSION")) || account === null || canEnter(home, account)) {
      return inside;
    }
    const clusters = join(outside, "clusters");
    makePassable(clusters);
    const directory = join(clusters, randomBytes(8).toString("hex"));
    makePassable(directory);
    writeFileSync(join(directory, "home"), `${home}\n`);
    const location = join(directory, "postgres");
    writeFileSync(memory, `${location}\n`, { mode: 0o600 });
    return location;
  } catch (error) {
    throw directoryError(error, home);
  }
}

/** Makes a directory that other accounts may pass through, whatever the umask is. */
export function makePassable(path: string): void {
  const umask = process.umask(0o022);
  try {
    mkdirSync(path, { recursive: true, mode: 0o755 });
  } finally {
    process.umask(umask);
  }
}

/** True when the account may pass through the directory and all above it. */
export function canEnter(path: string, account: ServerAccount): boolean {
  const { mode, uid, gid } = statSync(path);
  const executeBit = uid === account.uid ? 0o100 : gid === account.gid ? 0o010 : 0o001;
  const parent = dirname(realpathSync(path));
  return (mode & executeBit) !== 0 && (parent === realpathSync(path) || canEnter(parent, account));
}
