import { spawn } from "node:child_process";
import { mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { processIsAlive, useTempDir, waitUntil } from "@agentvine/testkit";
import { describe, expect, it } from "vitest";
import { acquireOwnerLock } from "./owner-lock.ts";
import { readProcessInfo } from "./process-info.ts";

const dir = useTempDir();
const lockDir = (): string => join(dir(), "cluster.owners");
const acquire = () => acquireOwnerLock(lockDir(), "The data directory /x");

function leaveLock(pid: number, startId: string): void {
  mkdirSync(lockDir(), { recursive: true });
  for (const claim of ["contending", "held"]) {
    writeFileSync(join(lockDir(), `${claim}-${pid}-${startId}-abcd1234`), "");
  }
}

describe("acquireOwnerLock", () => {
  it("gives the lock to one, and to the next after it was released", async () => {
    const lock = await acquire();
    await expect(acquire()).rejects.toMatchObject({ code: "home.in_use", data: { pid: process.pid } });
    lock.release();
    lock.release();
    (await acquire()).release();
    expect(readdirSync(lockDir())).toEqual([]);
    expect(statSync(lockDir()).mode & 0o077).toBe(0);
  });

  it("gives it to exactly one of many that ask at the same time", async () => {
    const results = await Promise.allSettled(Array.from({ length: 12 }, acquire));
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  });

  it("takes over from a process that ended, whose pid was used again, or that is a zombie", async () => {
    leaveLock(2 ** 22 + 1, "x.1");
    (await acquire()).release();

    leaveLock(process.pid, "another.start");
    (await acquire()).release();

    const parent = spawn("sh", ["-c", "sleep 0.2 & echo $!; exec sleep 60"], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    const pid = await new Promise<number>((resolve) =>
      parent.stdout.once("data", (text) => resolve(Number(text))),
    );
    leaveLock(pid, readProcessInfo(pid)?.startId ?? "");
    await expect(acquire()).rejects.toThrow(`process ${pid}`);
    await waitUntil(() => !processIsAlive(pid));
    (await acquire()).release();
    parent.kill("SIGKILL");
    expect(readdirSync(lockDir())).toEqual([]);
  });

  it("waits for a rival that has not got it yet, and names it when it stays", async () => {
    const { startId } = readProcessInfo(process.pid) ?? {};
    mkdirSync(lockDir());
    writeFileSync(join(lockDir(), `contending-${process.pid}-${startId}-abcd1234`), "");
    await expect(acquire()).rejects.toThrow(`process ${process.pid}`);
  });

  it("leaves files alone that are none of its own", async () => {
    mkdirSync(lockDir());
    writeFileSync(join(lockDir(), "README"), "");
    (await acquire()).release();
    expect(readdirSync(lockDir())).toEqual(["README"]);
  });
});
