import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach } from "vitest";

export interface TempDir {
  /** Absolute, without symbolic links. */
  path: string;
  /** Removes it with all it holds. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** A new directory, removed by `await using` or by calling its dispose method. */
export async function tempDir(prefix = "agentvine-test-"): Promise<TempDir> {
  const path = await realpath(await mkdtemp(join(tmpdir(), prefix)));
  return {
    path,
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 }),
  };
}

/** A new directory for each test of the file (or describe block): call the returned function inside a test. */
export function useTempDir(prefix?: string): () => string {
  let dir: TempDir | undefined;
  beforeEach(async () => {
    dir = await tempDir(prefix);
  });
  afterEach(async () => {
    await dir?.[Symbol.asyncDispose]();
    dir = undefined;
  });
  return () => {
    if (dir === undefined) {
      throw new Error("the temporary directory exists only while a test runs");
    }
    return dir.path;
  };
}
