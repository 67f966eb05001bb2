import { commitSchema } from "@agentvine/contracts";
import { storageFault } from "../process/storage-fault.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";
import { invalidWorkspace as invalid, readBundle } from "./bundle.ts";
import { assertFileSizes } from "./file-size.ts";
import { harmlessFlaws } from "./git.ts";
import { removeHalfWritten } from "./half-written.ts";
import { hasCommit, type Mirror } from "./mirror.ts";
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
 * Takes a bundle into the mirror: every object is checked before it is let in, the commit must be the one announced and must build on
 * the base. The pack is fed to git by hand because `git fetch` from a bundle does not check objects in the versions around 2.39.
 * @throws AppError `workspace.invalid`, `workspace.too_large`, `storage.full`.
 */
export async function importResult(mirror: Mirror, options: ImportOptions): Promise<void> {
  const base = commitSchema.parse(options.baseCommit);
  const commit = commitSchema.parse(options.commit);
  const bundle = readBundle(options.bytes);
  if (bundle.head !== commit) {
    throw invalid("The bundle does not hold the commit that was announced.");
  }
  for (const prerequisite of bundle.prerequisites) {
    if (!(await hasCommit(mirror, prerequisite))) {
      throw invalid(`The bundle builds on the commit ${prerequisite.slice(0, 12)}, which is not known here.`);
    }
  }
  const flaws = harmlessFlaws.map((flaw) => `${flaw}=ignore`).join(",");
  const taken = await mirror.git(["index-pack", "--stdin", "--fix-thin", `--strict=${flaws}`], {
    stdin: bundle.pack,
    okExitCodes: [0, 1, 128],
    timeoutMs: 600_000,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  if (taken.exitCode !== 0) {
    const storage = storageFault(taken.errorText);
    if (storage !== null) {
      await removeHalfWritten(mirror.path);
    }
    throw storage ?? invalid(`The bundle was refused: ${taken.errorText}`);
  }
  const ancestry = await mirror.git(["merge-base", "--is-ancestor", base, commit], {
    okExitCodes: [0, 1, 128],
  });
  if (ancestry.exitCode !== 0) {
    throw invalid("The result does not build on the commit it started from; its history was rewritten.");
  }
  await assertFileSizes(mirror, base, commit);
  await mirror.git(["update-ref", "--no-deref", options.ref, commit]);
}
