import { execFile } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { promisify } from "node:util";
import { onTestFinished } from "vitest";
import { canMount } from "./processes.ts";

const execFileAsync = promisify(execFile);

/** Mounts an own small file system on a directory until the end of the test. False where that is not permitted. */
export async function mountSmallDisk(directory: string, mebibytes: number): Promise<boolean> {
  if (!(await canMount())) return false;
  await mkdir(directory, { recursive: true });
  try {
    await execFileAsync("mount", ["-t", "tmpfs", "-o", `size=${mebibytes}m,mode=777`, "tmpfs", directory]);
  } catch {
    return false;
  }
  onTestFinished(async () => {
    await execFileAsync("umount", ["-l", directory]);
  });
  return true;
}
