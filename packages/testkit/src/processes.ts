import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

/** True while the process runs. A zombie (ended, not yet collected by its parent) does not. */
export function processIsAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it exists and belongs to somebody else.
    return error instanceof Error && "code" in error && error.code === "EPERM" && !isZombie(pid);
  }
  return !isZombie(pid);
}

function isZombie(pid: number): boolean {
  if (process.platform !== "linux") {
    return execFileSync("ps", ["-o", "stat=", "-p", String(pid)], { encoding: "utf8" }).startsWith("Z");
  }
  const stat = readProcFile(pid, "stat");
  // The name in parentheses may hold anything, so the state is found behind the last parenthesis.
  return stat === undefined || stat.slice(stat.lastIndexOf(")") + 2).startsWith("Z");
}

/** The pids of all live processes whose environment holds `tag` (`NAME=value`), the caller excepted. */
export function listProcessesWithEnv(tag: string): number[] {
  const found = process.platform === "linux" ? listByProc(tag) : listByPs(tag);
  return found.filter((pid) => pid !== process.pid && processIsAlive(pid));
}

function listByProc(tag: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => readProcFile(pid, "environ")?.split("\0").includes(tag));
}

function listByPs(tag: string): number[] {
  const output = execFileSync("ps", ["-Aeww", "-o", "pid=,command="], { encoding: "utf8" });
  return output
    .split("\n")
    .filter((line) => line.includes(tag))
    .map((line) => Number.parseInt(line, 10));
}

function readProcFile(pid: number, name: "stat" | "environ"): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "utf8");
  } catch {
    // It ended meanwhile, or is not ours to read.
    return undefined;
  }
}
