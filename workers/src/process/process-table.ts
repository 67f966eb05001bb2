import { readdirSync, readFileSync } from "node:fs";

const isLinux = process.platform === "linux";

/** Text of a file below `/proc/<pid>`; null when the process is gone or belongs to somebody else. */
function readProcFile(pid: number, name: "stat" | "environ"): string | null {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "latin1");
  } catch {
    // It ended meanwhile, or is not ours to read.
    return null;
  }
}

/** The fields of `/proc/<pid>/stat` behind the process name: state first. */
function readStat(pid: number): string[] | null {
  const stat = readProcFile(pid, "stat");
  // The name stands in parentheses and may hold anything, so the rest is found behind the last one.
  return stat === null ? null : stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

function listPids(): number[] {
  return isLinux
    ? readdirSync("/proc")
        .filter((name) => /^\d+$/.test(name))
        .map(Number)
    : [];
}

/**
 * Pids of all live processes whose environment holds one of the entries (`NAME=value`), and of their children that dropped it
 * while the parent lives. The calling process is left out. Empty where there is no /proc.
 */
export function findTagged(entry: string): number[] {
  const wanted = Buffer.from(entry).toString("latin1");
  const pids = listPids().filter((pid) => pid !== process.pid);
  // A zombie's environment is empty: it is not found.
  const found = new Set(pids.filter((pid) => readProcFile(pid, "environ")?.split("\0").includes(wanted)));
  if (found.size > 0) {
    addDescendants(found, parentsOf(pids));
  }
  return [...found];
}

/** Parent of each process that still runs. */
function parentsOf(pids: readonly number[]): Map<number, number> {
  const parents = new Map<number, number>();
  for (const pid of pids) {
    const stat = readStat(pid);
    if (stat !== null && isRunning(stat)) {
      parents.set(pid, Number(stat[1]));
    }
  }
  return parents;
}

/** Neither a zombie nor dead. */
const isRunning = (stat: readonly string[]): boolean => stat[0] !== "Z" && stat[0] !== "X";

function addDescendants(found: Set<number>, parents: ReadonlyMap<number, number>): void {
  let before = -1;
  while (found.size !== before) {
    before = found.size;
    for (const [pid, parent] of parents) {
      if (found.has(parent)) {
        found.add(pid);
      }
    }
  }
}

/**
 * A name for a process that is not given again to another one: its pid and, on Linux, its start time. Null when it does not run.
 */
export function identifyProcess(pid: number): string | null {
  if (!isLinux) {
    return isPidAlive(pid) ? `${pid}` : null;
  }
  const stat = readStat(pid);
  return stat === null || !isRunning(stat) ? null : `${pid}@${stat[19]}`;
}

/** True while the process named by `identifyProcess` still runs. */
export function isProcessAlive(identity: string): boolean {
  return identifyProcess(Number.parseInt(identity, 10)) === identity;
}

function isPidAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it exists and belongs to somebody else.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

/** Sends a signal to a process, or with a negative pid to its group. False when there is none (any more). */
export function sendSignal(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    // ESRCH: already gone. EPERM: it changed its user; nothing we may do.
    return false;
  }
}
