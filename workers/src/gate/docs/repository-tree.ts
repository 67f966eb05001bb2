import { posix } from "node:path";
import type { Sandbox } from "../../sandbox/sandbox.ts";
import { type PackageFile, parsePackageFile } from "../checks/package-file.ts";
import { readText } from "../checks/read-text.ts";
import { askSandbox } from "../gate-command.ts";

/** The files of a checkout and what documents may say about them. */
export interface RepositoryTree {
  readonly files: ReadonlySet<string>;
  has(path: string): boolean;
  readonly text: (path: string) => Promise<string | null>;
  readonly packageFile: (folder: string) => Promise<PackageFile | null>;
  /** Paths of these that git ignores: they are made, not committed. */
  readonly ignored: (paths: readonly string[]) => Promise<ReadonlySet<string>>;
}

const listBytesMax = 16 * 1024 * 1024;

async function listFiles(sandbox: Sandbox, signal: AbortSignal): Promise<string[]> {
  const options = { signal, bytesMax: listBytesMax };
  const tracked = await askSandbox(sandbox, ["git", "-c", "safe.directory=*", "ls-files", "-z"], options);
  if (tracked !== null) {
    return tracked.split("\0").filter((path) => path !== "");
  }
  const found = await askSandbox(
    sandbox,
    ["sh", "-c", "find . -name .git -prune -o -type f -print"],
    options,
  );
  return (found ?? "")
    .split("\n")
    .filter((path) => path !== "")
    .map((path) => path.replace(/^\.\//, ""));
}

/** Lists the files git tracks in a checkout, with their folders. */
export async function readTree(sandbox: Sandbox, signal: AbortSignal): Promise<RepositoryTree> {
  const files = new Set(await listFiles(sandbox, signal));
  const folders = new Set<string>([""]);
  for (const file of files) {
    for (let folder = posix.dirname(file); folder !== "."; folder = posix.dirname(folder)) {
      folders.add(folder);
    }
  }
  const text = (path: string) => (files.has(path) ? readText(sandbox, path) : Promise.resolve(null));
  return {
    files,
    has: (path) => files.has(path) || folders.has(path.replace(/\/$/, "")),
    text,
    packageFile: async (folder) => parsePackageFile((await text(posix.join(folder, "package.json"))) ?? ""),
    ignored: async (paths) => {
      if (paths.length === 0) {
        return new Set();
      }
      const list = await askSandbox(
        sandbox,
        ["git", "-c", "safe.directory=*", "check-ignore", "-z", "--stdin"],
        {
          signal,
          stdin: `${paths.join("\0")}\0`,
        },
      );
      return new Set((list ?? "").split("\0").filter((path) => path !== ""));
    },
  };
}
