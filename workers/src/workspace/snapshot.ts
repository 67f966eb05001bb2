import { commitSchema } from "@agentvine/contracts";
import type { Sandbox } from "../sandbox/sandbox.ts";
import { headCommit, revision, sandboxGit } from "./sandbox-git.ts";
import { agentIdentity } from "./workspace.ts";

const snapshotRef = "refs/agentvine/snapshot";
const snapshotFile = ".git/agentvine-snapshot.bundle";

/**
 * The workspace as it is now, uncommitted and untracked files included (ignored ones are not), as a bundle on top of the base. Index
 * and branches of the agent stay untouched. Null when the workspace is still as the base.
 * @throws AppError `workspace.invalid`, `workspace.too_large`.
 */
export async function takeSnapshot(
  sandbox: Sandbox,
  options: { readonly baseCommit: string; readonly bytesMax?: number },
): Promise<Uint8Array | null> {
  const base = commitSchema.parse(options.baseCommit);
  const head = await headCommit(sandbox);
  const tree = await treeOfEverything(sandbox);
  if (head === base && tree === (await revision(sandbox, `${base}^{tree}`))) {
    return null;
  }
  const commit = await sandboxGit(sandbox, ["commit-tree", tree, "-p", head, "-m", "snapshot"], {
    env: {
      GIT_AUTHOR_NAME: agentIdentity.name,
      GIT_AUTHOR_EMAIL: agentIdentity.email,
      GIT_COMMITTER_NAME: agentIdentity.name,
      GIT_COMMITTER_EMAIL: agentIdentity.email,
    },
  });
  await sandboxGit(sandbox, ["update-ref", snapshotRef, commitSchema.parse(commit.text.trim())]);
  try {
    const bundle = await sandboxGit(sandbox, ["bundle", "create", "--quiet", "-", `^${base}`, snapshotRef], {
      outputBytesMax: options.bytesMax ?? 256 * 1_048_576,
    });
    return bundle.bytes;
  } finally {
    await sandboxGit(sandbox, ["update-ref", "-d", snapshotRef]);
  }
}

/** A copy of the index takes everything in, so that what the agent had staged stays as it was. */
async function treeOfEverything(sandbox: Sandbox): Promise<string> {
  const index = ".git/agentvine-index";
  const env = { GIT_INDEX_FILE: index };
  const shell = (script: string) =>
    sandbox.run({ argv: ["/bin/sh", "-c", script, "sh", index], timeoutMs: 60_000, outputBytesMax: 1_000 });
  // With the copy git need not read every file again; without an index it makes a new one.
  await shell('rm -f -- "$1" "$1.lock"; cp -p .git/index "$1" 2>/dev/null || true');
  try {
    await sandboxGit(sandbox, ["add", "--all", "--", "."], { env });
    return (await sandboxGit(sandbox, ["write-tree"], { env })).text.trim();
  } finally {
    await shell('rm -f -- "$1" "$1.lock"');
  }
}

/**
 * Puts a snapshot back on a fresh workspace of the same base: commits as commits, the rest as uncommitted changes. Any worker can.
 * @throws AppError `workspace.invalid` when the bytes are no snapshot of this base.
 */
export async function restoreSnapshot(sandbox: Sandbox, bytes: Uint8Array): Promise<void> {
  await sandbox.writeFile(snapshotFile, bytes);
  try {
    await sandboxGit(sandbox, [
      "-c",
      "fetch.fsckObjects=true",
      "fetch",
      "--quiet",
      "--no-tags",
      "--no-write-fetch-head",
      "--",
      snapshotFile,
      `+${snapshotRef}:${snapshotRef}`,
    ]);
    await sandboxGit(sandbox, ["read-tree", "--reset", "-u", snapshotRef]);
    await sandboxGit(sandbox, ["update-ref", "HEAD", await revision(sandbox, `${snapshotRef}^1`)]);
    // Exit code 1 says that something differs, which is what we want.
    await sandboxGit(sandbox, ["reset", "--quiet", "--mixed"], { okExitCodes: [0, 1] });
    await sandboxGit(sandbox, ["update-ref", "-d", snapshotRef]);
  } finally {
    await sandbox.run({ argv: ["rm", "-f", "--", snapshotFile], timeoutMs: 10_000, outputBytesMax: 1_000 });
  }
}
