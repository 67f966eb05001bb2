import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { readProcessInfo } from "./process-info.ts";

/** What a running server tells about itself in its data directory. */
export interface PostmasterFile {
  pid: number;
  port: number;
  /** "starting", "ready" or "stopping". */
  status: string;
  /** Id of its System V shared memory segment. */
  sharedMemoryId: string | undefined;
}

const filePath = (dataDir: string): string => join(dataDir, "postmaster.pid");

export function readPostmasterFile(dataDir: string): PostmasterFile | undefined {
  let lines: string[];
  try {
    lines = readFileSync(filePath(dataDir), "utf8").split("\n");
  } catch {
    return undefined;
  }
  const [pid, , , port, , , sharedMemory, status] = lines;
  return {
    pid: Number(pid),
    port: Number(port),
    status: (status ?? "").trim(),
    sharedMemoryId: sharedMemory?.trim().split(/\s+/)[1],
  };
}

/** True when the process is the server of this data directory, not another one that got its pid later. */
export function isServerOf(dataDir: string, pid: number): boolean {
  const command = readProcessInfo(pid)?.command ?? "";
  return /postgres/.test(command) && command.includes(dataDir);
}

/**
 * Removes the file of a server that is gone when PostgreSQL itself would not dare to: its pid is a zombie that nobody
 * collects, or now belongs to another process. Not while a child of that server still has its shared memory.
 * @returns true when it was removed.
 */
export function removeStalePostmasterFile(dataDir: string): boolean {
  const file = readPostmasterFile(dataDir);
  if (file === undefined || isServerOf(dataDir, file.pid) || isSharedMemoryInUse(file.sharedMemoryId)) {
    return false;
  }
  rmSync(filePath(dataDir), { force: true });
  return true;
}

function isSharedMemoryInUse(id: string | undefined): boolean {
  try {
    // Columns: key shmid perms size cpid lpid nattch ...
    const segments = readFileSync("/proc/sysvipc/shm", "utf8").split("\n").slice(1);
    return segments.some((line) => {
      const columns = line.trim().split(/\s+/);
      return columns[1] === id && columns[6] !== "0";
    });
  } catch {
    // Where it can't be known, PostgreSQL's own, more careful check decides.
    return true;
  }
}
