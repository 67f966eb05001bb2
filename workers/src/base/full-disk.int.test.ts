import { randomBytes } from "node:crypto";
import { existsSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { newId, sleep, systemClock } from "@agentvine/kit";
import { useTempDir } from "@agentvine/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { mountTinyDisk } from "../sandbox/testing/tiny-disk.ts";
import { refreshMirror } from "../workspace/mirror.ts";
import { aFixture } from "../workspace/testing/fixture.ts";
import { withDataDir } from "./data-dir.ts";
import { readDiskFault } from "./machine.ts";
import { ResultOutbox } from "./result-outbox.ts";
import { silentLogger } from "./testing/fakes.ts";

let disk: Awaited<ReturnType<typeof mountTinyDisk>>;
beforeAll(async () => {
  disk = await mountTinyDisk();
});
afterAll(() => disk[Symbol.asyncDispose]());

describe("on a full disk", () => {
  const dir = useTempDir();
  let root: string;
  beforeEach(async (context) => {
    if (disk.directory === null) {
      return context.skip(
        "SKIPPED: no small file system can be mounted here; what a full disk does was not looked at",
      );
    }
    root = disk.directory;
    for (const name of await readdir(root)) rmSync(join(root, name), { recursive: true });
  });
  const freeBytes = (): number => {
    const { bavail, bsize } = statfsSync(root);
    return bavail * bsize;
  };
  const fill = (): void => {
    writeFileSync(join(root, "ballast"), Buffer.alloc(freeBytes()));
    expect(freeBytes()).toBe(0);
  };
  const makeRoom = (): void => rmSync(join(root, "ballast"));

  it("a result that can't be kept is sent all the same, and leaves nothing half written", async () => {
    const taken: string[] = [];
    const take = async (_: string, { workOrderId }: { workOrderId: string }) => {
      taken.push(workOrderId);
      return {
        workOrderId,
        attempt: 1,
        status: "pending",
        taskStatus: "queued",
        availableInMs: null,
      } as const;
    };
    const outbox = new ResultOutbox({
      dir: join(root, "outbox"),
      api: { complete: take, fail: take, release: take, park: take },
      logger: silentLogger,
      clock: systemClock,
      sleep,
    });
    const result = { kind: "release" as const, reason: "x".repeat(10_000) };
    const entry = { workOrderId: newId(), attempt: 1, executionId: newId(), attemptToken: "avt_x", result };
    fill();
    await expect(outbox.keep(entry)).rejects.toMatchObject({ code: "ENOSPC" });
    const delivery = await outbox.deliver(await outbox.keepIfPossible(entry), new AbortController().signal);
    expect([delivery, taken]).toEqual(["taken", [entry.workOrderId]]);
    expect(await readdir(join(root, "outbox"))).toEqual([]);
    makeRoom();
    await outbox.keep(entry);
    expect(await outbox.pending()).toHaveLength(1);
  });

  it("a worker can't start, and says why", async () => {
    fill();
    const starting = withDataDir(join(root, "data"), async () => "started");
    await expect(starting).rejects.toMatchObject({
      code: "storage.full",
      message: expect.stringContaining(root),
    });
    makeRoom();
    expect(await withDataDir(join(root, "data"), async () => "started")).toBe("started");
  });

  it("a fetch that broke off gives the space back that it had taken", async () => {
    const { git, repository } = await aFixture(dir(), { noise: randomBytes(2_000_000).toString("base64") });
    const before = freeBytes();
    for (let round = 0; round < 2; round += 1) {
      const fetching = refreshMirror(git, { mirrorsDir: join(root, "mirrors"), repository });
      await expect(fetching).rejects.toMatchObject({ code: "storage.full" });
      expect(existsSync(join(root, "mirrors"))).toBe(true);
      expect(before - freeBytes()).toBeLessThan(200_000);
    }
  });

  it("the fault names what is free, what is needed and where, and is gone when there is room", async () => {
    fill();
    expect(await readDiskFault(root, 500_000)).toMatch(/^disk full: .* free in .*, .* needed$/);
    makeRoom();
    expect(await readDiskFault(root, 500_000)).toBeNull();
  });
});
