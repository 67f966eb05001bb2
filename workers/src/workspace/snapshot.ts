import { commitSchema } from "@agentvine/contracts";
import type { Sandbox } from "../sandbox/sandbox.ts";
import { refuseLargeFiles } from "./file-size.ts";
import { sandboxGitScript } from "./sandbox-git.ts";
import { agentIdentity } from "./workspace.ts";

const snapshotRef = "refs/agentvine/snapshot";
const snapshotFile = ".git/agentvine-snapshot.bundle";

const identity = {
  GIT_AUTHOR_NAME: agentIdentity.name,
  GIT_AUTHOR_EMAIL: agentIdentity.email,
  GIT_COMMITTER_NAME: agentIdentity.name,
  GIT_COMMITTER_EMAIL: agentIdentity.email,
};

// $1 base. A copy of the index takes everything in, so that what the agent had staged stays as it was; with the copy git need not
// read every file again, and without an index it makes a new one. Prints nothing when there is nothing to keep.
const takeScript = `
index=.git/agentvine-index
trap 'rm -f -- "$index" "$index.lock"' EXIT
rm -f -- "$index" "$index.lock"
cp -p .git/index "$index" 2>/dev/null || true
head=$(git rev-parse --verify --quiet 'HEAD^{commit}')
GIT_INDEX_FILE=$index; export GIT_INDEX_FILE
${refuseLargeFiles}
git add --all -- .
tree=$(git write-tree)
unset GIT_INDEX_FILE
if [ "$head" = "$1" ] && [ "$tree" = "$(git rev-parse --verify "$1^{tree}")" ]; then exit 0; fi
commit=$(git commit-tree "$tree" -p "$head" -m snapshot)
git update-ref ${snapshotRef} "$commit"
trap 'rm -f -- "$index" "$index.lock"; git update-ref -d ${snapshotRef}' EXIT
git bundle create --quiet - "^$1" ${snapshotRef}
`;

/**
 * The workspace as it is now, uncommitted and untracked files included (ignored ones are not), as a bundle on top of the base. Index
 * and branches of the agent stay untouched. Null when the workspace is still as the base.
 * @throws AppError `workspace.invalid`, `workspace.too_large`.
 */
export async function takeSnapshot(
  sandbox: Sandbox,
  options: { readonly baseCommit: string; readonly bytesMax?: number },
): Promise<Uint8Array | null> {
  const { bytes } = await sandboxGitScript(sandbox, takeScript, [commitSchema.parse(options.baseCommit)], {
    env: identity,
    outputBytesMax: options.bytesMax ?? 256 * 1_048_576,
  });
  return bytes.length === 0 ? null : bytes;
}

// reset --mixed leaves with 1 when something differs from HEAD, which is what is wanted.
const restoreScript = `
trap 'rm -f -- ${snapshotFile}; git update-ref -d ${snapshotRef}' EXIT
git -c fetch.fsckObjects=true fetch --quiet --no-tags --no-write-fetch-head -- ${snapshotFile} +${snapshotRef}:${snapshotRef}
git read-tree --reset -u ${snapshotRef}
git update-ref HEAD "$(git rev-parse --verify ${snapshotRef}^1)"
git reset --quiet --mixed || [ $? -eq 1 ]
`;

/**
 * Puts a snapshot back on a fresh workspace of the same base: commits as commits, the rest as uncommitted changes. Any worker can.
 * @throws AppError `workspace.invalid` when the bytes are no snapshot of this base.
 */
export async function restoreSnapshot(sandbox: Sandbox, bytes: Uint8Array): Promise<void> {
  await sandbox.writeFile(snapshotFile, bytes);
  await sandboxGitScript(sandbox, restoreScript, []);
}
