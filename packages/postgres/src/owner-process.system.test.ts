import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { processIsAlive, type TempDir, tempDir, waitUntil } from "@agentvine/testkit";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { canEnter } from "./cluster-directory.ts";
import { startEmbeddedPostgres, unsafeFastSettings } from "./embedded-postgres.ts";
import { readProcessInfo } from "./process-info.ts";
import { query } from "./testing/query.ts";
import { killOwners, startOwner } from "./testing/start-owner.ts";

const isRoot = process.getuid?.() === 0;
const nobody = { uid: 65534, gid: 65534 };
/** Not below a home that only root can enter. */
const canNobodyRead = canEnter(import.meta.dirname, { name: "nobody", ...nobody });

let dir: TempDir;
let dataDir: string;

beforeAll(async () => {
  dir = await tempDir();
  chmodSync(dir.path, 0o755);
  dataDir = join(dir.path, "cluster");
  const server = await startEmbeddedPostgres({ dataDir, settings: unsafeFastSettings });
  await query(server.url, "create table kept as select 7 as n");
  await server.stop();
});
afterEach(killOwners);
afterAll(() => dir[Symbol.asyncDispose]());

const ended = (pid: number) => waitUntil(() => !processIsAlive(pid), { message: `process ${pid} to end` });

/** The shell that watches over the owner. */
function watchdogPid(): number {
  return Number(readFileSync(`${dataDir}.watchdog`, "utf8").split(" ")[0]);
}

/** Pid of the server's own process of this kind. */
function childOf(serverPid: number, kind: string): number {
  const children = readFileSync(`/proc/${serverPid}/task/${serverPid}/children`, "utf8")
    .trim()
    .split(" ")
    .map(Number);
  const found = children.find((pid) => readProcessInfo(pid)?.command.includes(kind));
  if (found === undefined) throw new Error(`the server has no ${kind}`);
  return found;
}

describe("the server of an owner process", () => {
  it("ends when the owner is killed, and the next owner takes over the directory", async () => {
    const first = await startOwner({ dataDir });
    await first.kill();
    const second = await startOwner({ dataDir });
    expect(second.error).toBeUndefined();
    expect(await query(second.url, "select n from kept")).toEqual([{ n: 7 }]);
    expect(processIsAlive(first.serverPid)).toBe(false);
    await second.stop();
    expect(processIsAlive(second.serverPid)).toBe(false);
  });

  it("ends when the owner is killed after its watchdog was", async () => {
    const owner = await startOwner({ dataDir });
    const first = watchdogPid();
    process.kill(first, "SIGKILL");
    await waitUntil(() => watchdogPid() !== first, { message: "another watchdog" });
    expect(await query(owner.url, "select n from kept")).toEqual([{ n: 7 }]);
    await owner.kill();
    await ended(owner.serverPid);
  });

  it.runIf(process.platform === "linux")(
    "ends when the owner is killed, also when it is stuck and deaf to a fast shutdown",
    {
      timeout: 60_000,
    },
    async () => {
      const owner = await startOwner({ dataDir });
      const checkpointer = childOf(owner.serverPid, "checkpointer");
      // Without its checkpointer the server can't finish; it is itself that ends a stopped child at last.
      process.kill(checkpointer, "SIGSTOP");
      await owner.kill();
      await waitUntil(() => !processIsAlive(owner.serverPid), { timeoutMs: 40_000 });
      const next = await startOwner({ dataDir });
      expect(await query(next.url, "select n from kept")).toEqual([{ n: 7 }]);
      await next.stop();
    },
  );

  it("is adopted when owner and watchdog were killed, and then ends with its new owner", async () => {
    const first = await startOwner({ dataDir });
    process.kill(first.pid, "SIGSTOP");
    process.kill(watchdogPid(), "SIGKILL");
    await first.kill();
    expect(processIsAlive(first.serverPid)).toBe(true);

    const second = await startOwner({ dataDir });
    expect(second).toMatchObject({ adopted: true, serverPid: first.serverPid });
    expect(await query(second.url, "select n from kept")).toEqual([{ n: 7 }]);
    await second.kill();
    await ended(first.serverPid);
  });

  it("is adopted and then stopped in order by its new owner", async () => {
    const first = await startOwner({ dataDir });
    process.kill(first.pid, "SIGSTOP");
    process.kill(watchdogPid(), "SIGKILL");
    await first.kill();
    const second = await startEmbeddedPostgres({ dataDir, settings: unsafeFastSettings });
    expect(second.adopted).toBe(true);
    const watchdog = watchdogPid();
    await second.stop();
    expect(processIsAlive(first.serverPid)).toBe(false);
    await ended(watchdog);
  });

  it("outlives the Ctrl-C that reaches the owner's process group, and leaves nothing behind when it is stopped", async () => {
    const owner = await startOwner({ dataDir });
    const watchdog = watchdogPid();
    process.kill(-owner.pid, "SIGINT");
    expect(await query(owner.url, "select n from kept")).toEqual([{ n: 7 }]);
    await owner.stop();
    expect(processIsAlive(owner.serverPid)).toBe(false);
    expect(processIsAlive(watchdog)).toBe(false);
    expect(readdirSync(`${dataDir}.owners`)).toEqual([]);
  });
});

describe("several owners", () => {
  it("never have one directory at the same time", async () => {
    const owners = await Promise.all([1, 2, 3].map(() => startOwner({ dataDir })));
    const winners = owners.filter(({ error }) => error === undefined);
    expect(winners).toHaveLength(1);
    for (const { error } of owners.filter((owner) => owner !== winners[0])) {
      expect(error?.code).toBe("home.in_use");
      expect(error?.message).toContain(`process ${winners[0]?.pid}`);
    }
    await winners[0]?.stop();
  });
});

describe.runIf(isRoot)("as root", () => {
  it("runs the server under an account without rights, with a home that only root can enter", async () => {
    const home = join(dir.path, "private", ".agentvine");
    mkdirSync(join(dir.path, "private"), { mode: 0o700 });
    const first = await startOwner({ home });
    expect(first.error).toBeUndefined();
    expect(first.dataDir).toMatch(/^\/var\/lib\/agentvine\/clusters\//);
    await query(first.url, "create table mine as select 5 as n");
    const status = readFileSync(`/proc/${first.serverPid}/status`, "utf8");
    expect(status).not.toMatch(/^Uid:\s+0\s/m);
    await first.stop();

    const second = await startOwner({ home });
    expect(second.dataDir).toBe(first.dataDir);
    expect(await query(second.url, "select n from mine")).toEqual([{ n: 5 }]);
    await second.stop();
    rmSync(join(first.dataDir, ".."), { recursive: true });
  });

  it("says in one line that the disk is full", async (test) => {
    const disk = join(dir.path, "disk");
    mkdirSync(disk);
    const mounted = spawnSync("/bin/mount", ["-t", "tmpfs", "-o", "size=8m,mode=755", "tmpfs", disk]);
    test.skip(mounted.status !== 0, "mounting is not allowed here");
    try {
      const full = startEmbeddedPostgres({ dataDir: join(disk, "cluster"), settings: unsafeFastSettings });
      await expect(full).rejects.toMatchObject({ code: "storage.full" });
      await expect(full).rejects.toThrow(`The disk that holds ${join(disk, "cluster")} is full.`);
    } finally {
      spawnSync("/bin/umount", [disk]);
    }
  });
});

/** Root may start processes as somebody else, so both kinds of user are tried in one place. */
describe.runIf(isRoot && canNobodyRead)("as a normal user", () => {
  let home: string;
  beforeAll(() => {
    home = join(dir.path, "user");
    mkdirSync(home, { mode: 0o700 });
    chownSync(home, nobody.uid, nobody.gid);
  });

  it("starts below a private home, without HOME, and keeps data over kill -9", async () => {
    const first = await startOwner({ ...nobody, home });
    expect(first.error).toBeUndefined();
    expect(first.dataDir).toBe(join(home, "postgres"));
    await query(first.url, "create table mine as select 6 as n");
    await first.kill();
    const second = await startOwner({ ...nobody, home });
    expect(await query(second.url, "select n from mine")).toEqual([{ n: 6 }]);
    expect(readProcessInfo(second.serverPid)?.command).toContain(home);
    await second.stop();
  });

  it("says in one line that the directory may not be written", async () => {
    const owner = await startOwner({ ...nobody, dataDir: join(dir.path, "forbidden") });
    const directory = join(dir.path, "forbidden");
    expect(owner.error?.code).toBe("home.unusable");
    expect(owner.error?.message).toMatch(
      new RegExp(`^The directory ${directory}.* can't be used: permission denied\\.$`),
    );
    await owner.kill();
  });
});
