import { commitSchema } from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";
import type { Sandbox } from "../sandbox/sandbox.ts";
import { refuseLargeFiles } from "./file-size.ts";
import { objectIdOf, sandboxGitScript } from "./sandbox-git.ts";
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

/** What a killed git command may have left locked goes first: nothing of the agent runs when this is called. */
const prepareScript = `
rm -f -- .git/index.lock .git/HEAD.lock
parent=$(git rev-parse --verify --quiet --end-of-options "$1^{commit}")
${refuseLargeFiles}
git add --all -- .
tree=$(git write-tree)
if [ "$tree" = "$(git rev-parse --verify "$parent^{tree}")" ]; then
  git update-ref HEAD "$parent"
  tree=none
fi
printf '%s %s\\n' "$parent" "$tree"
[ "$tree" = none ] || git diff-tree -r -z --no-renames "$parent" "$tree"
`;

const commitScript = `
commit=$(git commit-tree "$2" -p "$1" -F -)
git update-ref HEAD "$commit"
echo "$commit"
`;

/**
 * Commits everything in the workspace that is not ignored. Plumbing instead of `git commit`: a merge or rebase that the agent left
 * half done, editors, templates and signing have no say.
 * @throws AppError `workspace.invalid`, `workspace.too_large`.
 */
export async function commitWork(sandbox: Sandbox, options: CommitWorkOptions): Promise<CommittedWork> {
  const wanted = options.base === undefined ? "HEAD" : commitSchema.parse(options.base);
  const { text } = await sandboxGitScript(sandbox, prepareScript, [wanted], {
    outputBytesMax: 64 * 1_048_576,
  });
  const lineEnd = text.indexOf("\n");
  const [parentText = "", tree = ""] = text.slice(0, lineEnd).split(" ");
  const parent = objectIdOf(parentText);
  if (tree === "none") {
    return { commit: parent, isEmpty: true };
  }
  refuseNestedRepositories(text.slice(lineEnd + 1));
  const author = options.author ?? agentIdentity;
  const made = await sandboxGitScript(sandbox, commitScript, [parent, objectIdOf(tree)], {
    stdin: `${options.message.trim()}\n\nAgentVine-Task: ${options.taskId}\n`,
    env: {
      GIT_AUTHOR_NAME: plainName(author.name),
      GIT_AUTHOR_EMAIL: plainName(author.email),
      GIT_COMMITTER_NAME: agentIdentity.name,
      GIT_COMMITTER_EMAIL: agentIdentity.email,
    },
  });
  return { commit: objectIdOf(made.text), isEmpty: false };
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: git refuses them in names
const plainName = (text: string): string => text.replace(/[<>\u0000-\u001f\u007f]/g, "").trim() || "unknown";

/** git would keep only the id of a repository inside the repository; its files would silently be missing from the result. */
function refuseNestedRepositories(rawChanges: string): void {
  const added = /:(?!160000)\d{6} 160000 \S+ \S+ [A-Z]\0([^\0]+)\0/.exec(rawChanges)?.[1];
  if (added !== undefined) {
    throw new AppError(
      "workspace.invalid",
      `The folder ${JSON.stringify(added)} is a git repository of its own; its files can't be part of the result.`,
    );
  }
}
