import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

export interface ProcessInfo {
  parentPid: number;
  /** Together with the pid it names one process for ever: pids are used again, start times are not. */
  startId: string;
  /** The command line, arguments separated by NUL (Linux) or a space. */
  command: string;
}

/** What is known of a live process; undefined when it has ended. A zombie has ended: it only waits to be collected. */
export function readProcessInfo(pid: number): ProcessInfo | undefined {
  try {
    return process.platform === "linux" ? readFromProc(pid) : readFromPs(pid);
  } catch {
    return undefined;
  }
}

function readFromProc(pid: number): ProcessInfo | undefined {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The name in parentheses may hold anything; the fields behind it start with the state (field 3 of proc(5)).
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state, parentPid] = fields;
  if (state === "Z" || state === "X") {
    return undefined;
  }
  const bootId = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").slice(0, 8);
  const startTicks = fields[19];
  const command = readFileSync(`/proc/${pid}/cmdline`, "utf8");
  return { parentPid: Number(parentPid), startId: `${bootId}.${startTicks}`, command };
}

function readFromPs(pid: number): ProcessInfo | undefined {
  const ps = (field: string): string =>
    execFileSync("ps", ["-ww", "-o", `${field}=`, "-p", String(pid)], {
      encoding: "utf8",
      env: { PATH: "/usr/bin:/bin", LC_ALL: "C", TZ: "UTC" },
    }).trim();
  if (ps("stat").startsWith("Z")) {
    return undefined;
  }
  const startId = createHash("sha256").update(ps("lstart")).digest("hex").slice(0, 16);
  return { parentPid: Number(ps("ppid")), startId, command: ps("args") };
}
