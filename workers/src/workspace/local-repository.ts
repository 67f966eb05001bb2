import { randomUUID } from "node:crypto";
import { access, constants, realpath, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "@agentvine/kit";
import { runProcess } from "../process/run-process.ts";
import { withStorageFaults } from "../process/storage-fault.ts";
import type { HostPin } from "./pin-remote.ts";
import type { RemoteAddress } from "./remote-address.ts";

/** How a repository on this machine is reached when it belongs to another user; both are absent for one's own. */
export interface LocalAccess {
  /**
   * Words before `git upload-pack` or `git receive-pack`: as root we become the owner. Its hooks must not run as root, and what we
   * push must not leave files behind that the owner can't change.
   */
  readonly runAsOwner?: readonly string[];
  /** Calls with a configuration file that makes git trust this repository; it exists during the one command only. */
  readonly trustFile?: <T>(tempDir: string, fn: (file: string) => Promise<T>) => Promise<T>;
}

/** A repository elsewhere with all that a command needs to reach it. */
export interface Remote extends RemoteAddress {
  readonly access: LocalAccess | null;
  /** The addresses that its host was found at; null where any may be used. */
  readonly pin: HostPin | null;
}

/**
 * Looks at a repository that is named by its path.
 * @throws AppError `repository.missing` when there is no directory, `repository.auth_failed` when we may not read it.
 */
export async function localAccess(
  address: RemoteAddress,
  env: Readonly<Record<string, string>>,
): Promise<Remote> {
  let path: string;
  let owner: { uid: number; gid: number };
  try {
    path = await realpath(address.url);
    const stats = await stat(path);
    if (!stats.isDirectory()) {
      throw new AppError("repository.missing", `${address.url} is not a directory.`);
    }
    owner = await repositoryOwner(path, stats);
    await access(path, constants.R_OK | constants.X_OK);
  } catch (error) {
    throw readFault(address.url, error);
  }
  const remote = { transport: "local", url: path, pin: null } as const;
  const uid = process.geteuid?.() ?? owner.uid;
  if (owner.uid === uid) {
    return { ...remote, access: null };
  }
  const runAsOwner = uid === 0 ? await ownerCommand(path, owner, env) : null;
  return { ...remote, access: runAsOwner === null ? { trustFile: trustFileFor(path) } : { runAsOwner } };
}

/** git looks at the owner of the git directory, so we do too. */
async function repositoryOwner(
  path: string,
  stats: { uid: number; gid: number },
): Promise<{ uid: number; gid: number }> {
  const inner = await stat(join(path, ".git")).catch(() => stats);
  return { uid: inner.uid, gid: inner.gid };
}

function readFault(path: string, error: unknown): unknown {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOENT" || code === "ENOTDIR" || code === "ELOOP" || code === "ENAMETOOLONG") {
    return new AppError("repository.missing", `There is no git repository at ${path}.`, { cause: error });
  }
  if (code === "EACCES" || code === "EPERM") {
    return new AppError("repository.auth_failed", `${path} may not be read by the user of this worker.`, {
      cause: error,
    });
  }
  return error;
}

/** Null where we can't become the owner, or the owner can't reach the path (below a directory of ours, say). */
async function ownerCommand(
  path: string,
  owner: { uid: number; gid: number },
  env: Readonly<Record<string, string>>,
): Promise<readonly string[] | null> {
  const prefix = ["setpriv", `--reuid=${owner.uid}`, `--regid=${owner.gid}`, "--clear-groups"] as const;
  const probe = await runProcess({
    argv: [...prefix, "git", "ls-remote", "--quiet", path, "refs/heads/none"],
    env: { ...env, GIT_ALLOW_PROTOCOL: "file" },
    cwd: "/",
    timeoutMs: 20_000,
    outputBytesMax: 2_000,
  });
  return probe.exitCode === 0 ? prefix : null;
}

function trustFileFor(path: string): NonNullable<LocalAccess["trustFile"]> {
  const quoted = (text: string): string =>
    `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")}"`;
  const content = `[safe]\n\tdirectory = ${quoted(path)}\n\tdirectory = ${quoted(join(path, ".git"))}\n`;
  return async (tempDir, fn) => {
    const file = join(tempDir, `git-trust-${randomUUID()}`);
    await withStorageFaults("The directory for temporary files", () =>
      writeFile(file, content, { mode: 0o600 }),
    );
    try {
      return await fn(file);
    } finally {
      await rm(file, { force: true });
    }
  };
}
