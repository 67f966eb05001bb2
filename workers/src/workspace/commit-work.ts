import { commitSchema } from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";
import type { Sandbox } from "../sandbox/sandbox.ts";
import { headCommit, removeStaleLocks, revision, sandboxGit } from "./sandbox-git.ts";
import { agentIdentity } from "./workspace.ts";

export interface CommitWorkOptions {
  /** Conventional commit message; the task's id is added as a trailer. */
  readonly message: string;
  readonly taskId: string;
  readonly author?: { readonly name: string; readonly email: string };
  /** All work since this commit becomes one commit on top of it, however the agent cut it up. Without it: on top of HEAD. */
  readonly base?: string;
}

export interface CommittedWork {
  readonly commit: string;
  /** Nothing differs from the parent; no commit was made. */
  readonly isEmpty: boolean;
}

/**
 * Commits everything in the workspace that is not ignored. Plumbing instead of `git commit`: a merge or rebase that the agent left
 * half done, editors, templates and signing have no say.
 * @throws AppError `workspace.invalid`.
 */
export async function commitWork(sandbox: Sandbox, options: CommitWorkOptions): Promise<CommittedWork> {
  await removeStaleLocks(sandbox);
  const parent = options.base === undefined ? await headCommit(sandbox) : commitSchema.parse(options.base);
  await sandboxGit(sandbox, ["add", "--all", "--", "."]);
  const tree = (await sandboxGit(sandbox, ["write-tree"])).text.trim();
  if (tree === (await revision(sandbox, `${parent}^{tree}`))) {
    await sandboxGit(sandbox, ["update-ref", "HEAD", parent]);
    return { commit: parent, isEmpty: true };
  }
  await refuseNestedRepositories(sandbox, parent, tree);
  const author = options.author ?? agentIdentity;
  const made = await sandboxGit(sandbox, ["commit-tree", tree, "-p", parent, "-F", "-"], {
    stdin: `${options.message.trim()}\n\nAgentVine-Task: ${options.taskId}\n`,
    env: {
      GIT_AUTHOR_NAME: plainName(author.name),
      GIT_AUTHOR_EMAIL: plainName(author.email),
      GIT_COMMITTER_NAME: agentIdentity.name,
      GIT_COMMITTER_EMAIL: agentIdentity.email,
    },
  });
  const commit = commitSchema.parse(made.text.trim());
  await sandboxGit(sandbox, ["update-ref", "HEAD", commit]);
  return { commit, isEmpty: false };
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: git refuses them in names
const plainName = (text: string): string => text.replace(/[<>\u0000-\u001f\u007f]/g, "").trim() || "unknown";

/** git would keep only the id of a repository inside the repository; its files would silently be missing from the result. */
async function refuseNestedRepositories(sandbox: Sandbox, parent: string, tree: string): Promise<void> {
  const { text } = await sandboxGit(sandbox, ["diff-tree", "-r", "-z", "--no-renames", parent, tree]);
  const added = /:(?!160000)\d{6} 160000 \S+ \S+ [A-Z]\0([^\0]+)\0/.exec(text)?.[1];
  if (added !== undefined) {
    throw new AppError(
      "workspace.invalid",
      `The folder ${JSON.stringify(added)} is a git repository of its own; its files can't be part of the result.`,
    );
  }
}
