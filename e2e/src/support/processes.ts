import { execFile } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { promisify } from "node:util";
import { processIsAlive } from "@agentvine/testkit";

const execFileAsync = promisify(execFile);

export interface SeenProcess {
  readonly pid: number;
  readonly parentPid: number;
  /** Its command line, arguments separated by spaces. */
  readonly command: string;
  readonly environment: string;
}

function readOf(pid: number): SeenProcess | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return {
      pid,
      parentPid: Number(fields[1]),
      command: readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim(),
      environment: readFileSync(`/proc/${pid}/environ`, "utf8"),
    };
  } catch {
    return undefined; // it ended meanwhile, or is not ours to read
  }
}

function workingDirectory(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return "";
  }
}

/** Every live process that has anything to do with a directory: by its command line, its environment or where it stands. */
export function processesOf(directory: string): SeenProcess[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((name) => {
      const seen = readOf(Number(name));
      if (seen === undefined || !processIsAlive(seen.pid)) return [];
      const isMeant =
        seen.command.includes(directory) ||
        seen.environment.includes(directory) ||
        workingDirectory(seen.pid).startsWith(directory);
      return isMeant ? [seen] : [];
    });
}

/** The processes of a directory as lines for a failed assertion. */
export const describeProcesses = (directory: string): string[] =>
  processesOf(directory).map(({ pid, command }) => `${pid} ${command.slice(0, 200)}`);

/** Ends whatever a broken test left of a directory, by process id. */
export function killProcessesOf(directory: string): void {
  for (const { pid } of processesOf(directory)) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It ended by itself.
    }
  }
}

/** The first process of a directory whose command line holds the text or matches the pattern. */
export function findProcess(directory: string, what: string | RegExp): SeenProcess | undefined {
  return processesOf(directory).find(({ command }) =>
    typeof what === "string" ? command.includes(what) : what.test(command),
  );
}

/** A process that another one started, by what its command line holds. */
export function childOf(parentPid: number, what: string): number | undefined {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  const found = pids
    .map((name) => readOf(Number(name)))
    .find((seen) => seen?.parentPid === parentPid && seen.command.includes(what));
  return found?.pid;
}

export const isRoot = process.getuid?.() === 0;

/** True when this account may mount file systems. */
export async function canMount(): Promise<boolean> {
  if (!isRoot || process.platform !== "linux") return false;
  try {
    await execFileAsync("unshare", ["--mount", "true"]);
    return true;
  } catch {
    return false;
  }
}
