import { appendFile, mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { commitSchema } from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";
import { withStorageFaults } from "../process/storage-fault.ts";
import { listFilesAtCommit, type Mirror } from "./mirror.ts";

/** Who commits in a workspace when nothing else is said. */
export const agentIdentity = { name: "AgentVine", email: "agentvine@localhost" } as const;

/** What installing and testing leave behind in most projects; it is nobody's work, also where the repository forgot to ignore it. */
const neverWork = ["node_modules/", "__pycache__/", "*.pyc", ".pytest_cache/", ".venv/", ".coverage"];

export interface WorkspaceOptions {
  /** Must not exist, or be empty; nobody else may have had access to it. */
  readonly directory: string;
  readonly commit: string;
  /** Name of the branch that is checked out. */
  readonly branch?: string;
  readonly signal?: AbortSignal;
}

/**
 * Makes a private clone of one commit and its history: no remote, no address, no token, no other branch. Afterwards the directory
 * belongs to the sandbox, and the host never runs git in it again.
 * @throws AppError `storage.full`, `home.unusable`, `git.failed`; `workspace.invalid` when the directory is not empty.
 */
export async function createWorkspace(mirror: Mirror, options: WorkspaceOptions): Promise<void> {
  const { directory, branch = "agentvine-work" } = options;
  const commit = commitSchema.parse(options.commit);
  const signal = options.signal === undefined ? {} : { signal: options.signal };
  const git = (...args: string[]) =>
    mirror.host.run({
      args: ["-c", "core.logAllRefUpdates=false", ...args],
      cwd: directory,
      timeoutMs: 900_000,
      ...signal,
    });
  await withStorageFaults("The workspace", async () => {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    if ((await readdir(directory)).length > 0) {
      // Whoever filled it could have prepared a configuration that our git would obey.
      throw new AppError("workspace.invalid", "The directory for the workspace is not empty.", {
        detail: directory,
      });
    }
    await git("init", "--quiet", "--template=", `--initial-branch=${branch}`, ".");
    await git(
      "fetch",
      "--quiet",
      "--no-tags",
      "--no-write-fetch-head",
      "--no-recurse-submodules",
      "--update-shallow",
      "--update-head-ok",
      "--",
      mirror.path,
      `${commit}:refs/heads/${branch}`,
    );
    await git("reset", "--quiet", "--hard", `refs/heads/${branch}`);
    await mkdir(join(directory, ".git/info"), { recursive: true });
    await writeFile(join(directory, ".git/info/exclude"), `${neverWork.join("\n")}\n`);
    await appendFile(
      join(directory, ".git/config"),
      `[user]\n\tname = ${agentIdentity.name}\n\temail = ${agentIdentity.email}\n`,
    );
  });
}

export interface CheckoutOptions extends Omit<WorkspaceOptions, "branch"> {
  /** These files are then taken from another commit; those that it does not have are removed. */
  readonly overlay?: { readonly commit: string; readonly paths: readonly string[] };
}

/**
 * A fresh checkout of any commit the mirror knows, for verification. Like a workspace; made anew for every look, so host git works
 * only on what came out of the mirror a moment ago.
 */
export async function checkoutFromMirror(mirror: Mirror, options: CheckoutOptions): Promise<void> {
  const { overlay, ...workspace } = options;
  await createWorkspace(mirror, { ...workspace, branch: "agentvine-verify" });
  if (overlay === undefined || overlay.paths.length === 0) {
    return;
  }
  const commit = commitSchema.parse(overlay.commit);
  const git = (args: readonly string[], stdin?: string) =>
    mirror.host.run({
      args,
      cwd: options.directory,
      // Names are names here, whatever pattern they look like.
      env: { GIT_LITERAL_PATHSPECS: "1" },
      ...(stdin === undefined ? {} : { stdin }),
    });
  await git([
    "fetch",
    "--quiet",
    "--no-tags",
    "--no-write-fetch-head",
    "--update-shallow",
    "--",
    mirror.path,
    commit,
  ]);
  const there = new Set(await listFilesAtCommit(mirror, commit));
  const fromList = ["--pathspec-from-file=-", "--pathspec-file-nul"];
  const present = overlay.paths.filter((path) => there.has(path));
  const absent = overlay.paths.filter((path) => !there.has(path));
  if (present.length > 0) {
    await git(["checkout", "--quiet", ...fromList, commit], present.join("\0"));
  }
  if (absent.length > 0) {
    await git(["rm", "--quiet", "--force", "--ignore-unmatch", ...fromList], absent.join("\0"));
  }
}
