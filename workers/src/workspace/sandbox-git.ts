import { commitSchema } from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";
import { storageFault } from "../process/storage-fault.ts";
import type { CommandResult, Sandbox } from "../sandbox/sandbox.ts";
import { fileTooLarge, tooLargeExitCode } from "./file-size.ts";
import { lastWords } from "./git-fault.ts";

export interface SandboxGitOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string | Uint8Array;
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

/** The repository is named, not searched for: with .git gone, git must not find another one further up. */
const prefix = ["git", "--git-dir=.git", "--work-tree=.", ...settings];

/**
 * git on the workspace, inside its sandbox.
 * @throws AppError `workspace.invalid` when git can't work there: the agent damaged or removed the repository.
 */
export async function sandboxGit(
  sandbox: Sandbox,
  args: readonly string[],
  options: SandboxGitOptions = {},
): Promise<SandboxGitOutput> {
  return await execute(sandbox, ["git", ...prefix.slice(1), ...args], `git ${args[0] ?? ""}`, options);
}

const scriptPrologue = `set -e\ngit() { command ${prefix.join(" ")} "$@"; }\n`;

/**
 * A shell script inside the sandbox in which `git` means the same as above; it stops at the first failure. One script costs a fraction
 * of as many single commands.
 * @throws as `sandboxGit`.
 */
export async function sandboxGitScript(
  sandbox: Sandbox,
  script: string,
  args: readonly string[],
  options: SandboxGitOptions = {},
): Promise<SandboxGitOutput> {
  return await execute(sandbox, ["/bin/sh", "-c", scriptPrologue + script, "sh", ...args], "git", options);
}

async function execute(
  sandbox: Sandbox,
  argv: readonly [string, ...string[]],
  name: string,
  options: SandboxGitOptions,
): Promise<SandboxGitOutput> {
  const chunks: Uint8Array[] = [];
  const bytesMax = options.outputBytesMax ?? 16 * 1_048_576;
  const result = await sandbox.run({
    argv,
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
    throw sandboxGitFault(result, name, bytesMax);
  }
  const bytes = Buffer.concat(chunks);
  return { bytes: Uint8Array.from(bytes), text: bytes.toString("utf8"), exitCode: result.exitCode };
}

function sandboxGitFault(result: CommandResult, name: string, bytesMax: number): AppError {
  if (result.endedBy === "output_limit") {
    return new AppError(
      "workspace.too_large",
      `What ${name} gives back is larger than ${Math.floor(bytesMax / 1_048_576)} MiB.`,
    );
  }
  if (result.endedBy === "exit" && result.exitCode === tooLargeExitCode) {
    return fileTooLarge(result.stderr.trim().replace(/^\.\//, ""));
  }
  if (result.endedBy === "abort") {
    return new AppError("sandbox.failed", `${name} was interrupted: the sandbox is closed.`);
  }
  return (
    storageFault(result.stderr) ??
    new AppError(
      "workspace.invalid",
      `The repository in the workspace can't be used: ${name} says: ${lastWords(result.stderr) || endOf(result)}`,
      { detail: result.stderr },
    )
  );
}

const endOf = (result: CommandResult): string =>
  result.endedBy === "exit" ? `exit code ${result.exitCode}` : result.endedBy;

/** The commit that HEAD of the workspace points to. */
export async function headCommit(sandbox: Sandbox): Promise<string> {
  const { text } = await sandboxGit(sandbox, ["rev-parse", "--verify", "--quiet", "HEAD^{commit}"]);
  return objectIdOf(text);
}

/** An object id that git printed inside, which an agent can make print anything. */
export function objectIdOf(text: string): string {
  const parsed = commitSchema.safeParse(text.trim());
  if (!parsed.success) {
    throw new AppError(
      "workspace.invalid",
      "The repository in the workspace can't be used: git gives no object id.",
    );
  }
  return parsed.data;
}
