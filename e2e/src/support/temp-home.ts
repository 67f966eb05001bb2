import { chmod } from "node:fs/promises";
import { type TempDir, tempDir } from "@agentvine/testkit";
import { beforeEach, expect } from "vitest";
import { describeProcesses, killProcessesOf } from "./processes.ts";

/**
 * A directory for each test that any user of the machine may write to. When the test and its own clean-up are over no process
 * may be left that has anything to do with it.
 */
export function useSharedTemp(): () => string {
  let dir: TempDir | undefined;
  // Registered first, hence called last.
  beforeEach(async ({ onTestFinished, task }) => {
    const own = await tempDir("agentvine-system-");
    await chmod(own.path, 0o777);
    dir = own;
    onTestFinished(async () => {
      const left = describeProcesses(own.path);
      killProcessesOf(own.path);
      await own[Symbol.asyncDispose]();
      dir = undefined;
      // A test that failed has said what is wrong.
      if (task.result?.state !== "fail") expect(left, "processes left behind").toEqual([]);
    });
  });
  return () => {
    if (dir === undefined) throw new Error("the directory exists only while a test runs");
    return dir.path;
  };
}
