import { realpath } from "node:fs/promises";
import { dirname, join } from "node:path";
import { linkSignals } from "@agentvine/client";
import { AppError, coerceError, newId } from "@agentvine/kit";
import { runProcess } from "../process/run-process.ts";
import { processTags, sweepTag } from "../process/sweep-processes.ts";
import { readFileByCommand, writeFileByCommand } from "./file-commands.ts";
import type { CommandResult, Sandbox, SandboxCommand, SandboxOptions } from "./sandbox.ts";
import { refused, relativeToWorkspace } from "./workspace-path.ts";

/**
 * The driver `none`: commands run as ourselves, confined by nothing. What it still gives: a clean environment without our keys, limits
 * on time and output, paths that stay in the workspace, and an end of everything that was started.
 */
export async function openNoneSandbox(options: SandboxOptions, toolPath: string): Promise<Sandbox> {
  const root = await realpath(options.workspaceDir);
  const sandboxId = newId();
  const env = baseEnvironment(options, root, sandboxId, toolPath);
  const closing = new AbortController();
  const running = new Set<Promise<unknown>>();

  const run = async (command: SandboxCommand): Promise<CommandResult> => {
    const cwd = await workingDirectory(root, command.cwd);
    using linked = linkSignals(closing.signal, command.signal);
    const ended = runProcess({
      ...command,
      cwd,
      env: { ...env, ...command.env },
      signal: linked.signal,
    });
    running.add(ended);
    try {
      return await ended;
    } finally {
      running.delete(ended);
    }
  };

  return {
    driver: "none",
    isConfined: false,
    workspacePath: root,
    run,
    readFile: (path, bytesMax) => readFileByCommand(run, root, path, bytesMax),
    writeFile: (path, content) => writeFileByCommand(run, root, path, content),
    diskUsageBytes: () => measureDiskUsage(run, [root, options.homeDir, options.tempDir]),
    async close() {
      closing.abort(new AppError("sandbox.failed", "The sandbox is closed."));
      const tag = `${processTags.sandbox}=${sandboxId}`;
      // At once, without the grace time of a cut-off.
      await sweepTag(tag);
      if (running.size > 0) {
        // What was just being started when the first sweep looked.
        await Promise.allSettled(running);
        await sweepTag(tag);
      }
    },
  };
}

function baseEnvironment(
  options: SandboxOptions,
  root: string,
  sandboxId: string,
  toolPath: string,
): Record<string, string> {
  return {
    PATH: toolPath,
    HOME: options.homeDir,
    TMPDIR: options.tempDir,
    LANG: "C.UTF-8",
    TERM: "dumb",
    CI: "1",
    // git neither asks, nor reads the machine's settings, nor walks up into a repository that happens to hold our data directory.
    GIT_TERMINAL_PROMPT: "0",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CEILING_DIRECTORIES: dirname(root),
    NPM_CONFIG_UPDATE_NOTIFIER: "false",
    NPM_CONFIG_FUND: "false",
    ...options.env,
    [processTags.execution]: options.executionId,
    [processTags.sandbox]: sandboxId,
  };
}

/** The directory of a command, judged with its links: a command starts in the workspace or not at all. */
async function workingDirectory(root: string, cwd: string | undefined): Promise<string> {
  if (cwd === undefined) {
    return root;
  }
  const wanted = join(root, relativeToWorkspace(root, cwd));
  let real: string;
  try {
    real = await realpath(wanted);
  } catch (error) {
    throw refused(cwd, `there is no such folder (${coerceError(error).message.split(":")[0]})`);
  }
  if (real !== root && !real.startsWith(`${root}/`)) {
    throw refused(cwd, "it leads outside of the workspace");
  }
  return real;
}

/** Blocks on disk below the directories, as `du` counts them: holes in sparse files are free. */
async function measureDiskUsage(run: Sandbox["run"], directories: readonly string[]): Promise<number> {
  const result = await run({
    argv: ["du", "-skx", "--", ...directories],
    timeoutMs: 120_000,
    outputBytesMax: 10_000,
  });
  // A file that vanishes under its hands or an unreadable folder makes du fail, and the sum is still printed.
  const sizes = result.stdout.split("\n").flatMap((line) => /^(\d+)\t/.exec(line)?.[1] ?? []);
  if (sizes.length === 0) {
    throw new AppError("sandbox.failed", "The size of the workspace could not be measured.", {
      detail: result.stderr,
    });
  }
  return sizes.reduce((sum, size) => sum + Number(size) * 1_024, 0);
}
