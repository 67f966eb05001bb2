import { createHash } from "node:crypto";
import { access, mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { linkSignals } from "@agentvine/client";
import { commitSchema } from "@agentvine/contracts";
import { AppError, isAppError, newId } from "@agentvine/kit";
import { withFileLock } from "../process/file-lock.ts";
import { withStorageFaults } from "../process/storage-fault.ts";
import type { Git, GitCommand, GitOutput } from "./git.ts";
import { removeHalfWritten } from "./half-written.ts";
import type { Remote } from "./local-repository.ts";

/** A repository as the backend knows it. */
export interface RepositoryRef {
  readonly canonicalKey: string;
  readonly url: string;
}

/**
 * The worker's bare cache of a repository, shared by all its executions. It knows no remote (addresses are given per command), holds
 * the upstream's branches under refs/heads and handed-in results under refs/agentvine. No agent can reach it.
 */
export interface Mirror {
  readonly path: string;
  readonly host: Git;
  /** git on the mirror. */
  git(args: readonly string[], options?: Omit<GitCommand, "args">): Promise<GitOutput>;
}

export interface RefreshMirrorOptions {
  readonly mirrorsDir: string;
  readonly repository: RepositoryRef;
  readonly signal?: AbortSignal;
  /** For one fetch; 15 minutes by default. */
  readonly fetchTimeoutMs?: number;
  /** How long other executions may hold the mirror; 20 minutes by default. */
  readonly lockWaitMsMax?: number;
}

/** The mirror of the repository, as it is on disk. */
export function openMirror(git: Git, mirrorsDir: string, canonicalKey: string): Mirror {
  const name = createHash("sha256").update(canonicalKey).digest("hex").slice(0, 32);
  const path = join(mirrorsDir, `${name}.git`);
  return {
    path,
    host: git,
    git: (args, options = {}) => git.run({ ...options, args: ["--git-dir", path, ...args] }),
  };
}

/**
 * Brings the mirror up to date with the repository, and makes it when it is missing or broken. One execution at a time, also across
 * processes.
 * @throws AppError `repository.*` by cause, `storage.full`.
 */
export async function refreshMirror(git: Git, options: RefreshMirrorOptions): Promise<Mirror> {
  const remote = await git.resolveRemote(options.repository.url);
  const mirror = openMirror(git, options.mirrorsDir, options.repository.canonicalKey);
  const lock = {
    waitMsMax: options.lockWaitMsMax ?? 1_200_000,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  };
  const refresh = () =>
    withFileLock(`${mirror.path}.lock`, lock, async () => {
      await createIfMissing(mirror);
      try {
        await fetchAll(mirror, remote, options);
      } catch (error) {
        if (isAppError(error, "storage.full")) {
          await removeHalfWritten(mirror.path);
        }
        if (!(await isBroken(mirror, error))) {
          throw error;
        }
        // A cache: thrown away and made anew. What it held besides is kept by the backend as bundles.
        await rm(mirror.path, { recursive: true, force: true });
        await createIfMissing(mirror);
        await fetchAll(mirror, remote, options);
      }
      await tidy(mirror);
    });
  await withStorageFaults("The directory of the mirrors", refresh);
  return mirror;
}

async function createIfMissing(mirror: Mirror): Promise<void> {
  const exists = await access(join(mirror.path, "HEAD")).then(
    () => true,
    () => false,
  );
  if (exists) {
    return;
  }
  const draft = `${mirror.path}.${newId()}`;
  await mkdir(draft, { recursive: true, mode: 0o700 });
  try {
    await mirror.host.run({ args: ["init", "--quiet", "--bare", "--template=", draft] });
    // Workspaces fetch a pinned commit, whether or not a branch still points there.
    await mirror.host.run({ args: ["--git-dir", draft, "config", "uploadpack.allowAnySHA1InWant", "true"] });
    await rm(mirror.path, { recursive: true, force: true });
    await rename(draft, mirror.path);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

async function fetchAll(mirror: Mirror, remote: Remote, options: RefreshMirrorOptions): Promise<void> {
  using failed = linkSignals(options.signal);
  const timeoutMs = options.fetchTimeoutMs ?? 900_000;
  const common = {
    service: "upload-pack",
    cwd: mirror.path,
    env: { GIT_DIR: mirror.path },
    signal: failed.signal,
  } as const;
  const fetching = mirror.host.runRemote(remote, {
    ...common,
    args: [...fetchArguments, "--", remote.url, "+refs/heads/*:refs/heads/*"],
    timeoutMs,
  });
  const looking = mirror.host.runRemote(remote, {
    ...common,
    args: ["ls-remote", "--symref", "--", remote.url, "HEAD"],
    timeoutMs: Math.min(timeoutMs, 60_000),
  });
  try {
    const [, head] = await Promise.all([fetching, looking]);
    const branch = /^ref: refs\/heads\/(\S+)\tHEAD$/m.exec(head.text)?.[1];
    if (branch !== undefined) {
      await mirror.git(["symbolic-ref", "HEAD", `refs/heads/${branch}`]);
    }
  } catch (error) {
    // The first failure counts; the other command must not work on the mirror any more when the lock is given back.
    failed.abort(error);
    await Promise.allSettled([fetching, looking]);
    throw error;
  }
}

const fetchArguments = [
  "fetch",
  "--quiet",
  "--prune",
  "--no-tags",
  "--no-write-fetch-head",
  "--no-recurse-submodules",
  "--update-shallow",
] as const;

/** Every fetch adds a pack; now and then git makes one of many. Objects that somebody may still be writing are young and stay. */
async function tidy(mirror: Mirror): Promise<void> {
  const settings = ["-c", "gc.auto=6700", "-c", "gc.autoPackLimit=50", "-c", "gc.autoDetach=false"];
  await mirror.git([...settings, "gc", "--auto", "--quiet"], {
    okExitCodes: [0, 1, 128],
    timeoutMs: 600_000,
  });
}

/** True when git itself no longer takes the mirror for a repository, or objects are missing: after a crash or a full disk. */
async function isBroken(mirror: Mirror, error: unknown): Promise<boolean> {
  if (!isAppError(error) || error.code === "storage.full") {
    return false;
  }
  if (
    /bad object|loose object .* corrupt|packfile .* (corrupt|cannot be)|unable to read tree|bad tree/i.test(
      error.detail ?? "",
    )
  ) {
    return true;
  }
  try {
    await mirror.git(["rev-parse", "--git-dir"]);
    return false;
  } catch {
    return true;
  }
}

export interface BaseRef {
  readonly branch: string;
  readonly commit: string;
}

/**
 * The branch and the commit a task starts from: the named branch, else the repository's configured one, else the upstream's default.
 * @throws AppError `repository.branch_not_found`, `repository.empty`.
 */
export async function resolveBase(
  mirror: Mirror,
  wanted: { readonly branch: string | null; readonly defaultBranch: string | null },
): Promise<BaseRef> {
  const branches = await listBranches(mirror);
  if (branches.size === 0) {
    throw new AppError("repository.empty", "The repository has no commit yet; push a first one.");
  }
  const branch = wanted.branch ?? wanted.defaultBranch ?? (await upstreamDefault(mirror, branches));
  const commit = branch === null ? undefined : branches.get(branch);
  if (branch === null || commit === undefined) {
    const known = [...branches.keys()].slice(0, 10).join(", ");
    throw new AppError(
      "repository.branch_not_found",
      branch === null
        ? `The repository names no default branch; choose one of: ${known}.`
        : `The repository has no branch ${JSON.stringify(branch)}; it has: ${known}.`,
    );
  }
  return { branch, commit };
}

/** Names compared as they are, so that nothing in them is read as a revision, a pattern or an option. */
async function listBranches(mirror: Mirror): Promise<Map<string, string>> {
  const { text } = await mirror.git(["for-each-ref", "--format=%(objectname) %(refname)", "refs/heads/"]);
  const lines = text.split("\n").filter((line) => line !== "");
  return new Map(
    lines.map((line) => [
      line.slice(line.indexOf(" ") + 1 + "refs/heads/".length),
      line.slice(0, line.indexOf(" ")),
    ]),
  );
}

async function upstreamDefault(
  mirror: Mirror,
  branches: ReadonlyMap<string, string>,
): Promise<string | null> {
  const { text } = await mirror.git(["symbolic-ref", "HEAD"]);
  const head = text.trim().replace(/^refs\/heads\//, "");
  const candidates = [head, ...(branches.size === 1 ? branches.keys() : []), "main", "master"];
  return candidates.find((name) => branches.has(name)) ?? null;
}

/** True when the mirror holds the commit. */
export async function hasCommit(mirror: Mirror, commit: string): Promise<boolean> {
  const { exitCode } = await mirror.git(["cat-file", "-e", `${commitSchema.parse(commit)}^{commit}`], {
    okExitCodes: [0, 1, 128],
  });
  return exitCode === 0;
}

/** The file as it is at the commit, up to `bytesMax` bytes; null when there is none (a link or folder is none). */
export async function readFileAtCommit(
  mirror: Mirror,
  commit: string,
  path: string,
  bytesMax: number,
): Promise<Uint8Array | null> {
  // A path that leaves the tree is an error to git, and no file to us.
  const entry = await mirror.git(["ls-tree", "-z", commitSchema.parse(commit), "--", path], {
    okExitCodes: [0, 128],
  });
  const match = /^100(?:644|755|664) blob ([0-9a-f]+)\t/.exec(entry.text);
  if (match?.[1] === undefined) {
    return null;
  }
  const blob = await mirror.git(["cat-file", "blob", match[1]], { outputBytesMax: bytesMax });
  return blob.bytes;
}

/** Paths of all files at the commit, at most about 16 MiB of names. */
export async function listFilesAtCommit(mirror: Mirror, commit: string): Promise<string[]> {
  const { text } = await mirror.git(["ls-tree", "-r", "-z", "--name-only", commitSchema.parse(commit)], {
    outputBytesMax: 16 * 1_048_576,
  });
  return text.split("\0").filter((path) => path !== "");
}
