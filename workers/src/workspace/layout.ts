import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "@agentvine/kit";
import { identifyProcess, isProcessAlive } from "../process/process-table.ts";
import { runProcess } from "../process/run-process.ts";
import { withStorageFaults } from "../process/storage-fault.ts";
import { sweepProcesses } from "../process/sweep-processes.ts";
import { toolPath } from "../process/tool-path.ts";

/** A sandbox's three directories on the host. */
export interface SandboxDirectories {
  readonly workspace: string;
  readonly home: string;
  readonly temp: string;
}

/** The directories of one execution. Everything below `root` is removed with it. */
export interface ExecutionLayout extends SandboxDirectories {
  readonly executionId: string;
  readonly root: string;
  /** Logs and results that were not sent yet. */
  readonly spool: string;
  /** Small files of the host, such as bundles on their way; no sandbox sees it. */
  readonly host: string;
  /** Sockets by which an agent reaches the executor. */
  readonly relay: string;
  /** Directories of a fresh checkout for verification; `name` is unique within the execution. */
  verify(name: string): SandboxDirectories;
}

const executionsDir = (dataDir: string): string => join(dataDir, "executions");

/** Where a worker keeps its mirrors. */
export const mirrorsDir = (dataDir: string): string => join(dataDir, "mirrors");

/** Where things of an execution lie below the worker's data directory; makes nothing. */
export function executionLayout(dataDir: string, executionId: string): ExecutionLayout {
  const root = join(executionsDir(dataDir), executionId);
  const directories = (folder: string): SandboxDirectories => ({
    workspace: join(folder, "workspace"),
    home: join(folder, "home"),
    temp: join(folder, "tmp"),
  });
  return {
    executionId,
    root,
    ...directories(root),
    spool: join(root, "spool"),
    host: join(root, "host"),
    relay: join(root, "relay"),
    verify: (name) => directories(join(root, `verify-${name.replace(/[^a-zA-Z0-9_-]/g, "-")}`)),
  };
}

const ownerFile = "owner";

/**
 * Makes the directories of an execution, readable by us alone, and notes this process as their owner.
 * @throws AppError `storage.full`, `home.unusable`.
 */
export async function createLayout(layout: ExecutionLayout): Promise<void> {
  await withStorageFaults("The data directory", async () => {
    await mkdir(layout.root, { recursive: true, mode: 0o700 });
    await writeFile(join(layout.root, ownerFile), identifyProcess(process.pid) ?? "");
  });
  await createSandboxDirectories(layout);
  await withStorageFaults("The data directory", async () => {
    await mkdir(layout.spool, { recursive: true, mode: 0o700 });
    await mkdir(layout.host, { recursive: true, mode: 0o700 });
    await mkdir(layout.relay, { recursive: true, mode: 0o700 });
  });
}

/** Makes the three directories of a sandbox. */
export async function createSandboxDirectories(directories: SandboxDirectories): Promise<void> {
  await withStorageFaults("The data directory", async () => {
    for (const path of [directories.workspace, directories.home, directories.temp]) {
      await mkdir(path, { recursive: true, mode: 0o700 });
    }
  });
}

/**
 * Removes a directory that an agent may have filled: read-only or unreadable folders, odd names, paths of any depth. Links are removed,
 * never followed.
 * @throws AppError `home.unusable` when something can't be removed.
 */
export async function removeTree(path: string): Promise<void> {
  const remove = () => command("rm", "-rf", "--", path);
  if ((await remove()).exitCode === 0) {
    return;
  }
  // One folder at a time, each before find looks into it: it may be closed to us until then.
  await command("find", path, "-type", "d", "-exec", "chmod", "u+rwx", "{}", ";");
  for (let attempt = 1; attempt <= 3; attempt += 1) {
    // Again, because a process that is just dying may still write.
    const result = await remove();
    if (result.exitCode === 0) {
      return;
    }
    if (attempt === 3) {
      throw new AppError("home.unusable", `${path} can't be removed.`, { detail: result.stderr });
    }
  }
}

async function command(...argv: [string, ...string[]]) {
  return await runProcess({
    argv,
    env: { PATH: toolPath(), LC_ALL: "C" },
    cwd: "/",
    timeoutMs: 600_000,
    outputBytesMax: 2_000,
  });
}

export interface PruneOptions {
  /** Executions to leave alone, for example those whose result was not sent yet. */
  readonly keep?: (executionId: string) => boolean;
}

/**
 * At the start of a worker: kills and removes what executions of dead processes left behind. Executions whose owner still runs (of
 * another worker on the same data directory) stay.
 * @returns the ids of the executions removed.
 */
export async function pruneLeftovers(dataDir: string, { keep }: PruneOptions = {}): Promise<string[]> {
  const names = await readdir(executionsDir(dataDir)).catch(() => []);
  const removed: string[] = [];
  for (const executionId of names) {
    const { root } = executionLayout(dataDir, executionId);
    const owner = await readFile(join(root, ownerFile), "utf8").catch(() => "");
    if (keep?.(executionId) === true || (owner !== "" && isProcessAlive(owner))) {
      continue;
    }
    await sweepProcesses(executionId);
    await removeTree(root);
    removed.push(executionId);
  }
  return removed;
}
