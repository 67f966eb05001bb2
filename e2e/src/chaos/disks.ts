import { execFile, spawn } from "node:child_process";
import { mkdir, rm, statfs, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const execFileAsync = promisify(execFile);

/** Set in the process that has a mount namespace of its own: what it mounts is gone when it and its children have ended. */
const namespaceVariable = "AGENTVINE_CHAOS_NAMESPACE";

/** True when this process may mount small disks without anybody else seeing them. */
export const hasOwnMounts = (): boolean => process.env[namespaceVariable] === "1";

/**
 * Starts this program again in a mount namespace of its own, when that is possible and not done yet; resolves to its exit code.
 * Undefined: go on here.
 */
export async function reenterInNamespace(): Promise<number | undefined> {
  if (hasOwnMounts() || process.platform !== "linux" || process.getuid?.() !== 0) return undefined;
  const isPossible = await execFileAsync("unshare", ["--mount", "true"]).then(
    () => true,
    () => false,
  );
  if (!isPossible) return undefined;
  const args = ["--mount", process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  const child = spawn("unshare", args, {
    stdio: "inherit",
    env: { ...process.env, [namespaceVariable]: "1" },
  });
  // A terminal sends Ctrl-C to both of us, others send it to us alone.
  process.on("SIGINT", () => child.kill("SIGTERM"));
  process.on("SIGTERM", () => child.kill("SIGTERM"));
  return await new Promise<number>((resolve) => {
    child.once("close", (code) => resolve(code ?? 1));
  });
}

/** Makes the directory a disk of its own of so many mebibytes. */
export async function mountSmallDisk(path: string, mebibytes: number): Promise<() => Promise<void>> {
  await mkdir(path, { recursive: true });
  await execFileAsync("mount", ["-t", "tmpfs", "-o", `size=${mebibytes}m,mode=0700`, "tmpfs", path]);
  return async () => {
    await execFileAsync("umount", ["--lazy", path]);
  };
}

/** Fills the disk of a directory to the last byte; the returned function makes room again. */
export async function fillDisk(path: string): Promise<() => Promise<void>> {
  const file = join(path, "chaos-filler");
  const { bavail, bsize } = await statfs(path);
  await writeFile(file, Buffer.alloc(bavail * bsize)).catch(() => {
    // Others wrote meanwhile: it is full all the same.
  });
  return () => rm(file, { force: true });
}
