import { randomUUID } from "node:crypto";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { commitSchema } from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";
import { withStorageFaults } from "../process/storage-fault.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";
import type { Mirror } from "./mirror.ts";
import { headCommit, sandboxGit } from "./sandbox-git.ts";

/** Where the mirror keeps the result of an attempt. */
export const resultRef = (taskId: string, attempt: number): string => `refs/agentvine/${taskId}-${attempt}`;

const bundleBytesMaxDefault = 256 * 1_048_576;

/** What the workspace differs in from its HEAD, as lines of `git status --porcelain`; empty when clean. */
export async function workspaceStatus(sandbox: Sandbox): Promise<string[]> {
  const { text } = await sandboxGit(sandbox, [
    "status",
    "--porcelain=v1",
    "-z",
    "--no-renames",
    "--untracked-files=normal",
  ]);
  return text.split("\0").filter((line) => line !== "");
}

/** Call after setup: what installing made (and the repository does not ignore) is nobody's work and never part of the result. */
export async function ignoreSetupOutput(sandbox: Sandbox): Promise<void> {
  const untracked = (await workspaceStatus(sandbox)).filter((line) => line.startsWith("?? "));
  if (untracked.length === 0) {
    return;
  }
  // A leading slash pins the pattern to the root; special characters are taken literally.
  const patterns = untracked.map((line) => `/${line.slice(3).replace(/[\\*?[\]!# ]/g, "\\$&")}`);
  const exclude = ".git/info/exclude";
  const current = await sandbox.readFile(exclude, 1_048_576);
  await sandbox.writeFile(exclude, `${Buffer.from(current.bytes).toString()}${patterns.join("\n")}\n`);
}

export interface ExportedResult {
  /** A git bundle of everything between base and HEAD. */
  readonly bytes: Uint8Array;
  readonly commit: string;
}

/**
 * Takes the commits since the base out of the workspace: the bundle is made inside the sandbox and comes out as a stream of bytes, so
 * the host opens no file that the agent could have prepared. Null when HEAD still is the base.
 * @throws AppError `workspace.invalid`, `workspace.too_large`.
 */
export async function exportResult(
  sandbox: Sandbox,
  options: { readonly baseCommit: string; readonly bytesMax?: number },
): Promise<ExportedResult | null> {
  const base = commitSchema.parse(options.baseCommit);
  const commit = await headCommit(sandbox);
  if (commit === base) {
    return null;
  }
  const { bytes } = await sandboxGit(sandbox, ["bundle", "create", "--quiet", "-", `^${base}`, "HEAD"], {
    outputBytesMax: options.bytesMax ?? bundleBytesMaxDefault,
  });
  return { bytes, commit };
}

export interface ImportOptions {
  readonly bytes: Uint8Array;
  readonly baseCommit: string;
  /** What the bundle must hold. */
  readonly commit: string;
  /** See `resultRef`. An older result of the same attempt is replaced. */
  readonly ref: string;
  readonly signal?: AbortSignal;
}

/**
 * Takes a bundle into the mirror: every object is checked, the commit must be the one announced and must build on the base.
 * @throws AppError `workspace.invalid`, `storage.full`.
 */
export async function importResult(mirror: Mirror, options: ImportOptions): Promise<void> {
  const base = commitSchema.parse(options.baseCommit);
  const commit = commitSchema.parse(options.commit);
  const signal = options.signal === undefined ? {} : { signal: options.signal };
  const incoming = `refs/agentvine/incoming/${randomUUID()}`;
  const file = join(mirror.host.tempDir, `result-${randomUUID()}.bundle`);
  try {
    await withStorageFaults("The directory for temporary files", () =>
      writeFile(file, options.bytes, { mode: 0o600 }),
    );
    await fetchBundle(mirror, file, incoming, signal);
    const found = await mirror.git(["rev-parse", "--verify", "--quiet", `${incoming}^{commit}`]);
    if (found.text.trim() !== commit) {
      throw invalid("The bundle does not hold the commit that was announced.");
    }
    const ancestry = await mirror.git(["merge-base", "--is-ancestor", base, commit], {
      okExitCodes: [0, 1, 128],
    });
    if (ancestry.exitCode !== 0) {
      throw invalid("The result does not build on the commit it started from; its history was rewritten.");
    }
    await mirror.git(["update-ref", "--no-deref", options.ref, commit]);
  } finally {
    await rm(file, { force: true });
    await mirror.git(["update-ref", "--no-deref", "-d", incoming], { okExitCodes: [0, 1, 128] });
  }
}

async function fetchBundle(
  mirror: Mirror,
  file: string,
  ref: string,
  signal: { signal?: AbortSignal },
): Promise<void> {
  const result = await mirror.git(
    [
      "fetch",
      "--quiet",
      "--no-tags",
      "--no-write-fetch-head",
      "--no-recurse-submodules",
      "--",
      file,
      `HEAD:${ref}`,
    ],
    { okExitCodes: [0, 1, 128], timeoutMs: 300_000, ...signal },
  );
  if (result.exitCode !== 0) {
    throw invalid(`The bundle was refused: ${result.errorText}`);
  }
}

const invalid = (message: string): AppError => new AppError("workspace.invalid", message);
