import { execFileSync, spawn } from "node:child_process";
import { access, mkdir, readdir, stat, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isAppError, newId } from "@agentvine/kit";
import { processIsAlive, useTempDir, waitUntil } from "@agentvine/testkit";
import { describe, expect, it } from "vitest";
import { sendSignal } from "../process/process-table.ts";
import {
  createLayout,
  createSandboxDirectories,
  executionLayout,
  pruneLeftovers,
  removeTree,
} from "./layout.ts";

const dir = useTempDir();
const isGone = (path: string) =>
  access(path).then(
    () => false,
    () => true,
  );

describe("the directories of an execution", () => {
  it("are made below the data directory, closed to others", async () => {
    const layout = executionLayout(dir(), newId());
    await createLayout(layout);
    const verify = layout.verify("../base 1");
    await createSandboxDirectories(verify);
    for (const path of [
      layout.root,
      layout.workspace,
      layout.home,
      layout.temp,
      layout.spool,
      layout.host,
      verify.home,
    ]) {
      expect((await stat(path)).mode & 0o777).toBe(0o700);
      expect(path.startsWith(`${layout.root}`)).toBe(true);
    }
    expect(dirname(dirname(verify.home))).toBe(layout.root);
  });

  it("can't be made where a file is in the way, which is told", async () => {
    await writeFile(join(dir(), "executions"), "");
    await expect(createLayout(executionLayout(dir(), newId()))).rejects.toSatisfy((error) =>
      isAppError(error, "home.unusable"),
    );
  });
});

describe("removing a directory", () => {
  it("works whatever an agent has filled it with, and follows no link", async () => {
    const victim = join(dir(), "victim");
    const outside = join(dir(), "outside");
    await mkdir(outside);
    await writeFile(join(outside, "keep"), "");
    await mkdir(victim);
    await symlink(outside, join(victim, "link"));
    execFileSync(
      "/bin/sh",
      [
        "-c",
        `mkdir -p closed/inner readonly; touch closed/inner/x readonly/y -- -rf "$(printf 'new\\nline')" "$(printf 'bad\\377utf8')"
         mkfifo fifo; chmod 000 closed/inner; chmod 000 closed; chmod 500 readonly
         i=0; while [ $i -lt 300 ]; do mkdir deeper-and-deeper; cd -P deeper-and-deeper; i=$((i+1)); done`,
      ],
      { cwd: victim },
    );
    await removeTree(victim);
    expect(await isGone(victim)).toBe(true);
    await access(join(outside, "keep"));
    await removeTree(victim);
  });

  it("is told when it is impossible", async () => {
    await expect(removeTree("/proc/self/task")).rejects.toSatisfy((error) =>
      isAppError(error, "home.unusable"),
    );
  });
});

describe("pruning at the start of a worker", () => {
  async function leftBehind(owner: string): Promise<string> {
    const layout = executionLayout(dir(), newId());
    await createLayout(layout);
    await writeFile(join(layout.root, "owner"), owner);
    return layout.executionId;
  }

  it("removes what dead executions left, with their processes, and leaves the living and the kept alone", async () => {
    const dead = await leftBehind("4194303@1");
    const ownerless = await leftBehind("");
    const kept = await leftBehind("4194303@1");
    const live = executionLayout(dir(), newId());
    await createLayout(live);
    const orphan = spawn("sleep", ["60"], {
      detached: true,
      stdio: "ignore",
      env: { PATH: "/usr/bin:/bin", AGENTVINE_EXECUTION_ID: dead },
    });
    const pid = orphan.pid ?? 0;
    const removed = await pruneLeftovers(dir(), { keep: (id) => id === kept });
    expect(removed.sort()).toEqual([dead, ownerless].sort());
    expect((await readdir(join(dir(), "executions"))).sort()).toEqual([kept, live.executionId].sort());
    if (process.platform === "linux") {
      await waitUntil(() => !processIsAlive(pid));
    }
    sendSignal(-pid, "SIGKILL");
  });

  it("has nothing to do in a new data directory", async () => {
    expect(await pruneLeftovers(join(dir(), "new"))).toEqual([]);
  });
});
