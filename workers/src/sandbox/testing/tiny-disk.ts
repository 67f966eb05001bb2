import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { tempDir } from "@agentvine/testkit";

const execFileAsync = promisify(execFile);

/** A file system of one megabyte. `directory` is null where it can't be mounted (not root, or a container without the right). */
export async function mountTinyDisk(): Promise<AsyncDisposable & { directory: string | null }> {
  const dir = await tempDir();
  try {
    await execFileAsync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", dir.path]);
  } catch {
    return { directory: null, [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose]() };
  }
  return {
    directory: dir.path,
    async [Symbol.asyncDispose]() {
      await execFileAsync("umount", ["-l", dir.path]);
      await dir[Symbol.asyncDispose]();
    },
  };
}
