import { chmod } from "node:fs/promises";
import { type TempDir, tempDir } from "@agentvine/testkit";
import { afterEach, beforeEach, expect } from "vitest";
import { describeProcesses, killProcessesOf } from "./processes.ts";

/**
 * A directory for each test that any user of the machine may write to. When the test is over no process may be left that
 * has anything to do with it.
 */
export function useSharedTemp(): () => string {
  let dir: TempDir | undefined;
  beforeEach(async () => {
    dir = await tempDir("agentvine-system-");
    await chmod(dir.path, 0o777);
  });
  afterEach(async ({ task }) => {
    if (dir === undefined) return;
    const left = describeProcesses(dir.path);
    killProcessesOf(dir.path);
    await dir[Symbol.asyncDispose]();
    dir = undefined;
    // A test that failed has said what is wrong.
    if (task.result?.state !== "fail") expect(left, "processes left behind").toEqual([]);
  });
  return () => {
    if (dir === undefined) throw new Error("the directory exists only while a test runs");
    return dir.path;
  };
}
