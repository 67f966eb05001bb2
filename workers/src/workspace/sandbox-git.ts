import { commitSchema } from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";
import { storageFault } from "../process/storage-fault.ts";
import type { CommandResult, Sandbox } from "../sandbox/sandbox.ts";
import { lastWords } from "./git-fault.ts";

export interface SandboxGitOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  readonly timeoutMs?: number;
  /** More output than this ends the command with AppError `workspace.too_large`; 16 MiB by default. */
  readonly outputBytesMax?: number;
  readonly okExitCodes?: readonly number[];
}

export interface SandboxGitOutput {
  readonly bytes: Uint8Array;
  readonly text: string;
  readonly exitCode: number | null;
}

/**
 * Settings that win over what stands in the workspace's own configuration. They keep our commands quick and undisturbed; they are no
 * protection (filters and drivers still run), which is why all of this happens inside the sandbox.
 */
const settings = [
  "core.fsmonitor=false",
  "core.hooksPath=/dev/null",
  "core.quotePath=false",
  "commit.gpgSign=false",
  "submodule.recurse=false",
  "gc.auto=0",
  "maintenance.auto=false",
  "advice.addEmbeddedRepo=false",
].flatMap((setting) => ["-c", setting]);

/**
 * git on the workspace, inside its sandbox.
 * @throws AppError `workspace.invalid` when git can't work there: the agent damaged or removed the repository.
 */
export async function sandboxGit(
  sandbox: Sandbox,
  args: readonly string[],
  options: SandboxGitOptions = {},
): Promise<SandboxGitOutput> {
  const chunks: Uint8Array[] = [];
  const bytesMax = options.outputBytesMax ?? 16 * 1_048_576;
  const result = await sandbox.run({
    // The repository is named, not searched for: with .git gone, git must not find another one further up.
    argv: ["git", "--git-dir=.git", "--work-tree=.", ...settings, ...args],
    env: { LC_ALL: "C", ...options.env },
    ...(options.stdin === undefined ? {} : { stdin: options.stdin }),
    timeoutMs: options.timeoutMs ?? 300_000,
    outputBytesMax: 8_192,
    outputBytesLimit: bytesMax,
    onOutput: (stream, chunk) => {
      if (stream === "stdout") {
        chunks.push(Uint8Array.from(chunk));
      }
    },
  });
  if (result.endedBy !== "exit" || !(options.okExitCodes ?? [0]).includes(result.exitCode ?? -1)) {
    throw sandboxGitFault(result, args[0] ?? "", bytesMax);
  }
  const bytes = Buffer.concat(chunks);
  return { bytes: Uint8Array.from(bytes), text: bytes.toString("utf8"), exitCode: result.exitCode };
}

function sandboxGitFault(result: CommandResult, name: string, bytesMax: number): AppError {
  if (result.endedBy === "output_limit") {
    return new AppError(
      "workspace.too_large",
      `What git ${name} gives back is larger than ${Math.floor(bytesMax / 1_048_576)} MiB.`,
    );
  }
  if (result.endedBy === "abort") {
    return new AppError("sandbox.failed", `git ${name} was interrupted: the sandbox is closed.`);
  }
  return (
    storageFault(result.stderr) ??
    new AppError(
      "workspace.invalid",
      `The repository in the workspace can't be used: git ${name} says: ${lastWords(result.stderr) || result.endedBy}`,
      { detail: result.stderr },
    )
  );
}

/** The commit that HEAD of the workspace points to. */
export async function headCommit(sandbox: Sandbox): Promise<string> {
  return await revision(sandbox, "HEAD^{commit}");
}

/** The object that an expression of ours means. */
export async function revision(sandbox: Sandbox, expression: string): Promise<string> {
  const { text } = await sandboxGit(sandbox, [
    "rev-parse",
    "--verify",
    "--quiet",
    "--end-of-options",
    expression,
  ]);
  const parsed = commitSchema.safeParse(text.trim());
  if (!parsed.success) {
    throw new AppError("workspace.invalid", `The repository in the workspace has no ${expression}.`);
  }
  return parsed.data;
}

/** Removes what a killed git command may have left locked. Nothing of the agent runs when this is called. */
export async function removeStaleLocks(sandbox: Sandbox): Promise<void> {
  await sandbox.run({
    argv: ["rm", "-f", "--", ".git/index.lock", ".git/HEAD.lock"],
    timeoutMs: 10_000,
    outputBytesMax: 1_000,
  });
}
