import { branchSchema, commitSchema } from "@agentvine/contracts";
import { AppError, isAppError } from "@agentvine/kit";
import type { Git } from "./git.ts";
import type { Remote } from "./local-repository.ts";
import { hasCommit, type Mirror, openMirror, type RepositoryRef, refreshMirror } from "./mirror.ts";
import { importResult } from "./result.ts";

/** The branch that an attempt's result is published as. */
export const publishedBranch = (taskId: string, attempt: number): string => `agentvine/${taskId}/a${attempt}`;

export interface PublishOptions {
  readonly mirrorsDir: string;
  readonly repository: RepositoryRef;
  readonly branch: string;
  readonly baseCommit: string;
  readonly commit: string;
  /** Where the mirror keeps the result; see `resultRef`. */
  readonly ref: string;
  /** The result's bundle; called only when this worker's mirror does not hold the commit. */
  readonly loadBundle: () => Promise<Uint8Array>;
  readonly signal?: AbortSignal;
}

export interface Published {
  readonly branch: string;
  readonly commit: string;
  /** An earlier try got through; nothing was pushed now. */
  readonly isAlreadyThere: boolean;
}

/**
 * Pushes a result from the mirror as a new branch. Doing it again is harmless: a branch that already has this commit is a success.
 * @throws AppError `publish.conflict` when the branch has another commit, `publish.refused` when the repository says no, and
 * `repository.*` (retryable for a broken connection).
 */
export async function publishBranch(git: Git, options: PublishOptions): Promise<Published> {
  const branch = branchSchema.parse(options.branch);
  const commit = commitSchema.parse(options.commit);
  const remote = await git.resolveRemote(options.repository.url);
  const mirror = openMirror(git, options.mirrorsDir, options.repository.canonicalKey);
  const common = { remote, mirror, branch, commit, options };
  if ((await stateOfBranch(common)) === "same") {
    return { branch, commit, isAlreadyThere: true };
  }
  await ensureCommit(git, mirror, remote, options);
  const push = await tryPush(common);
  if (push.isDone) {
    return { branch, commit, isAlreadyThere: false };
  }
  // Somebody was quicker, or the answer was lost behind a push that got through.
  if ((await stateOfBranch(common)) === "same") {
    return { branch, commit, isAlreadyThere: true };
  }
  throw pushFault(push.toError(), `${push.text}\n${push.errorText}`);
}

interface PublishContext {
  readonly remote: Remote;
  readonly mirror: Mirror;
  readonly branch: string;
  readonly commit: string;
  readonly options: PublishOptions;
}

const withSignal = ({ signal }: PublishOptions) => (signal === undefined ? {} : { signal });

/** @throws AppError `publish.conflict` when the branch has another commit. */
async function stateOfBranch({
  remote,
  mirror,
  branch,
  commit,
  options,
}: PublishContext): Promise<"same" | "absent"> {
  const { text } = await mirror.host.runRemote(remote, {
    service: "upload-pack",
    args: ["ls-remote", "--", remote.url, `refs/heads/${branch}`],
    cwd: "/",
    timeoutMs: 60_000,
    ...withSignal(options),
  });
  const line = text.split("\n").find((candidate) => candidate.endsWith(`\trefs/heads/${branch}`));
  if (line === undefined) {
    return "absent";
  }
  const there = line.split("\t")[0] ?? "";
  if (there === commit) {
    return "same";
  }
  throw new AppError(
    "publish.conflict",
    `The branch ${branch} already exists with the commit ${there.slice(0, 12)}.`,
    {
      data: { branch, commit: there },
    },
  );
}

/** Another worker may have done the work: then the base comes from the repository and the result from its bundle. */
async function ensureCommit(
  git: Git,
  mirror: Mirror,
  remote: Remote,
  options: PublishOptions,
): Promise<void> {
  if (await mirrorHolds(mirror, options.commit)) {
    return;
  }
  await refreshMirror(git, options);
  if (!(await hasCommit(mirror, options.baseCommit))) {
    await fetchCommit(mirror, remote, options);
  }
  await importResult(mirror, {
    bytes: await options.loadBundle(),
    baseCommit: options.baseCommit,
    commit: options.commit,
    ref: options.ref,
    ...withSignal(options),
  });
}

/** A mirror that is missing altogether holds nothing. */
async function mirrorHolds(mirror: Mirror, commit: string): Promise<boolean> {
  try {
    return await hasCommit(mirror, commit);
  } catch (error) {
    if (isAppError(error, "git.failed")) {
      return false;
    }
    throw error;
  }
}

/** No branch leads to the base any more; many servers still give a commit by its id. */
async function fetchCommit(mirror: Mirror, remote: Remote, options: PublishOptions): Promise<void> {
  const attempt = await mirror.host.tryRemote(remote, {
    service: "upload-pack",
    args: [
      "fetch",
      "--quiet",
      "--no-tags",
      "--no-write-fetch-head",
      "--",
      remote.url,
      commitSchema.parse(options.baseCommit),
    ],
    cwd: mirror.path,
    env: { GIT_DIR: mirror.path },
    ...withSignal(options),
  });
  if (!attempt.isDone) {
    throw new AppError(
      "publish.refused",
      `The commit ${options.baseCommit.slice(0, 12)} that the result builds on is no longer in the repository.`,
      { cause: attempt.toError() },
    );
  }
}

async function tryPush({ remote, mirror, branch, commit, options }: PublishContext) {
  return await mirror.host.tryRemote(remote, {
    service: "receive-pack",
    args: [
      "push",
      "--porcelain",
      "--no-verify",
      "--no-signed",
      "--recurse-submodules=no",
      // Only if the branch does not exist: nothing of anybody is ever overwritten.
      `--force-with-lease=refs/heads/${branch}:`,
      "--",
      remote.url,
      `${commit}:refs/heads/${branch}`,
    ],
    cwd: mirror.path,
    env: { GIT_DIR: mirror.path },
    timeoutMs: 600_000,
    ...withSignal(options),
  });
}

/** A refusal by the other side is an answer, not a fault of the connection: trying again would not help. */
function pushFault(error: Error, words: string): Error {
  const refusal =
    /hook declined|remote rejected|protected branch|unpacker error|insufficient permission|Permission denied|not allowed to push|denied to|error: 403\b|read-only/i;
  if (refusal.test(words) && !isAppError(error, "storage.full")) {
    return new AppError("publish.refused", `The repository refused the push: ${reasonOf(words)}`, {
      cause: error,
    });
  }
  return error;
}

function reasonOf(words: string): string {
  const lines = words
    .split(/\n|; /)
    .map((line) => line.replaceAll("\t", " ").trim())
    .filter((line) => /^(remote:|!|error:|fatal:)/.test(line));
  return lines.join("; ").slice(0, 2_000) || words.trim().slice(0, 500);
}
