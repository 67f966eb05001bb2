import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { deferred, isAppError } from "@agentvine/kit";
import { useTempDir } from "@agentvine/testkit";
import { describe, expect, it } from "vitest";
import { withFileLock } from "./file-lock.ts";
import { identifyProcess } from "./process-table.ts";

const dir = useTempDir();
const wait = { waitMsMax: 15_000 };

describe("withFileLock", () => {
  it("lets one in at a time, however many come", async () => {
    let inside = 0;
    let highest = 0;
    await Promise.all(
      Array.from({ length: 12 }, () =>
        withFileLock(dir(), wait, async () => {
          inside += 1;
          highest = Math.max(highest, inside);
          await new Promise((resolve) => setImmediate(resolve));
          inside -= 1;
        }),
      ),
    );
    expect(highest).toBe(1);
    expect((await readdir(dir())).length).toBeLessThanOrEqual(2);
  });

  it("is free again after a failure, which is passed on", async () => {
    const failing = withFileLock(dir(), wait, () => Promise.reject(new Error("inner")));
    await expect(failing).rejects.toThrow("inner");
    expect(await withFileLock(dir(), wait, async () => 1)).toBe(1);
  });

  it("gives up with a retryable error when it is held for too long, or at once when aborted", async () => {
    const held = deferred<void>();
    const entered = deferred<void>();
    const first = withFileLock(dir(), wait, () => {
      entered.resolve();
      return held.promise;
    });
    await entered.promise;
    await expect(withFileLock(dir(), { waitMsMax: 100 }, async () => {})).rejects.toSatisfy(
      (error) => isAppError(error, "repository.busy") && error.retryable,
    );
    const aborted = withFileLock(dir(), { ...wait, signal: AbortSignal.abort("stop") }, async () => {});
    await expect(aborted).rejects.toBe("stop");
    held.resolve();
    await first;
  });

  it("takes over from a process that died holding it, once", async () => {
    const child = spawn("sleep", ["60"]);
    await once(child, "spawn");
    const owner = identifyProcess(child.pid ?? 0);
    const { hostname } = await import("node:os");
    await writeFile(join(dir(), "7"), JSON.stringify({ host: hostname(), owner }));
    await expect(withFileLock(dir(), { waitMsMax: 100 }, async () => {})).rejects.toThrow(
      "Another execution",
    );
    child.kill("SIGKILL");
    await once(child, "exit");
    let inside = 0;
    await Promise.all(
      [1, 2, 3].map(() =>
        withFileLock(dir(), wait, async () => {
          inside += 1;
          expect(inside).toBe(1);
          await new Promise((resolve) => setImmediate(resolve));
          inside -= 1;
        }),
      ),
    );
  });

  it("takes over from another host only after a long silence", async () => {
    await mkdir(dir(), { recursive: true });
    await writeFile(join(dir(), "3"), JSON.stringify({ host: "elsewhere", owner: "1@1" }));
    await expect(withFileLock(dir(), { waitMsMax: 100 }, async () => {})).rejects.toThrow(
      "Another execution",
    );
    const longAgo = new Date(Date.now() - 60_000);
    await utimes(join(dir(), "3"), longAgo, longAgo);
    expect(await withFileLock(dir(), wait, async () => "mine")).toBe("mine");
  });

  it("judges a half-written lock by its age", async () => {
    await writeFile(join(dir(), "3"), '{"host":');
    await expect(withFileLock(dir(), { waitMsMax: 100 }, async () => {})).rejects.toThrow(
      "Another execution",
    );
    expect(await withFileLock(dir(), { ...wait, silenceMsMax: -1 }, async () => "mine")).toBe("mine");
  });
});
