import { type ChildProcess, spawn } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { connect } from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { isAppError } from "@agentvine/kit";
import { processIsAlive, type TempDir, tempDir, waitUntil } from "@agentvine/testkit";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type EmbeddedPostgres, startEmbeddedPostgres, unsafeFastSettings } from "./embedded-postgres.ts";
import { readPostmasterFile } from "./postmaster-file.ts";
import { accountOptions, findServerAccount } from "./server-account.ts";
import { query } from "./testing/query.ts";

let dir: TempDir;
let dataDir: string;
const servers: EmbeddedPostgres[] = [];
const children: ChildProcess[] = [];

beforeAll(async () => {
  dir = await tempDir();
  chmodSync(dir.path, 0o755);
  dataDir = join(dir.path, "cluster");
});

afterEach(async () => {
  for (const server of servers.splice(0)) {
    await server.stop();
  }
  for (const child of children.splice(0)) {
    child.kill("SIGKILL");
  }
});

afterAll(() => dir[Symbol.asyncDispose]());

/** All tests use one cluster, started anew by each. */
async function start(
  over: Partial<Parameters<typeof startEmbeddedPostgres>[0]> = {},
): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({ dataDir, settings: unsafeFastSettings, ...over });
  servers.push(server);
  return server;
}

describe("a start", () => {
  it("makes a cluster whose text does not depend on the machine's locale, with the database ready", async () => {
    const lines: string[] = [];
    const server = await start({ log: (line) => lines.push(line) });
    const [database] = await query(
      server.url,
      "select datname, datlocprovider, datlocale, pg_encoding_to_char(encoding) as encoding from pg_database where datname = current_database()",
    );
    expect(database).toEqual({
      datname: "agentvine",
      datlocprovider: "b",
      datlocale: "C.UTF-8",
      encoding: "UTF8",
    });
    expect(processIsAlive(server.pid)).toBe(true);
    expect(server).toMatchObject({ adopted: false, dataDir });
    expect(lines.join("\n")).toContain("creating a PostgreSQL cluster");
    expect(lines.join("\n")).toContain("ready to accept connections");
  });

  it("keeps what was stored, and its address is reachable by password on this machine alone", async () => {
    const first = await start();
    await query(first.url, "create table kept as select 41 as n");
    await first.stop();
    expect(processIsAlive(first.pid)).toBe(false);
    await expect(query(first.url, "select 1")).rejects.toThrow("ECONNREFUSED");

    const second = await start();
    expect(await query(second.url, "select n from kept")).toEqual([{ n: 41 }]);
    expect(statSync(`${dataDir}.secret`).mode & 0o777).toBe(0o600);
    const wrong = new URL(second.url);
    wrong.password = "guess";
    await expect(query(wrong.href, "select 1")).rejects.toThrow("password authentication failed");
    expect(await query(second.url, "show unix_socket_directories")).toEqual([
      { unix_socket_directories: "" },
    ]);
    const outside = Object.values(networkInterfaces())
      .flat()
      .find((address) => address?.family === "IPv4" && !address.internal);
    if (outside !== undefined) {
      const socket = connect(second.port, outside.address);
      const error = await new Promise<Error>((resolve) => socket.once("error", resolve));
      expect(error.message).toContain("ECONNREFUSED");
    }
  });

  it("is not changed by PG variables of our environment", async () => {
    const before = { ...process.env };
    Object.assign(process.env, {
      PGDATA: "/nowhere",
      PGPORT: "1",
      PGHOST: "192.0.2.1",
      PGUSER: "x",
      PGOPTIONS: "-c x=y",
      PGSSLMODE: "require",
    });
    try {
      const server = await start();
      delete process.env.PGOPTIONS;
      expect(await query(server.url, "select current_user as name")).toEqual([{ name: "agentvine" }]);
      expect(readFileSync(`/proc/${server.pid}/environ`, "utf8")).not.toContain("192.0.2.1");
    } finally {
      for (const name of ["PGDATA", "PGPORT", "PGHOST", "PGUSER", "PGOPTIONS", "PGSSLMODE"]) {
        delete process.env[name];
      }
      Object.assign(process.env, before);
    }
  });

  it("refuses a directory that a live instance owns, and names its process", async () => {
    const server = await start();
    const second = start();
    await expect(second).rejects.toMatchObject({ code: "home.in_use", data: { pid: process.pid } });
    await expect(second).rejects.toThrow(`process ${process.pid}`);
    expect(await query(server.url, "select 1 as n")).toEqual([{ n: 1 }]);
  });

  it("can be stopped twice and starts again afterwards", async () => {
    const server = await start();
    await Promise.all([server.stop(), server.stop()]);
    await server.stop();
    expect((await start()).pid).not.toBe(server.pid);
  });

  it("passes settings on, and says in one line which one is wrong", async () => {
    const server = await start({ settings: { ...unsafeFastSettings, work_mem: "7MB" } });
    expect(await query(server.url, "show work_mem")).toEqual([{ work_mem: "7MB" }]);
    await server.stop();
    const wrong = start({ settings: { shared_buffers: "much" } });
    await expect(wrong).rejects.toMatchObject({ code: "postgres.start_failed" });
    await expect(wrong).rejects.toThrow(
      /^PostgreSQL did not start: invalid value for parameter "shared_buffers": "much"$/,
    );
  });

  it("sets a new password when the secret was lost", async () => {
    rmSync(`${dataDir}.secret`);
    const server = await start();
    expect(await query(server.url, "select 1 as n")).toEqual([{ n: 1 }]);
  });

  it("gives up after the start time-out and leaves no process, however early that is", async () => {
    const late = start({ startTimeoutMs: 1 });
    await expect(late).rejects.toMatchObject({ code: "postgres.start_failed" });
    await expect(late).rejects.toThrow("not ready within 1 ms");
    const pid = readPostmasterFile(dataDir)?.pid;
    expect(pid === undefined || !processIsAlive(pid)).toBe(true);
    await start();
  });
});

describe("a server that dies", () => {
  it("is started again on its port with every committed row, and no caller has to know", async () => {
    const server = await start();
    await query(server.url, "drop table if exists survivors; create table survivors (n int)");
    const { pid, url } = server;
    await query(url, "insert into survivors select generate_series(1, 100)");
    process.kill(pid, "SIGKILL");
    const rows = await waitUntil(() => query(url, "select count(*)::int as n from survivors"));
    expect(rows).toEqual([{ n: 100 }]);
    await waitUntil(() => server.pid !== pid);
    await server.stop();
    expect(processIsAlive(server.pid)).toBe(false);
  });

  it("stays down when it was stopped meanwhile", async () => {
    const server = await start();
    process.kill(server.pid, "SIGKILL");
    await server.stop();
    await expect(query(server.url, "select 1")).rejects.toThrow("ECONNREFUSED");
    expect(readdirSync(`${dataDir}.owners`)).toEqual([]);
  });
});

describe("what is left of a previous server", () => {
  /** A file as a crashed server leaves it, with the pid of a process that runs now. */
  function leavePostmasterFile(pid: number): void {
    writeFileSync(
      join(dataDir, "postmaster.pid"),
      `${pid}\n${dataDir}\n1\n5432\n\n127.0.0.1\n 1 999999\nready   \n`,
    );
  }

  function startOtherProcess(program: string, args: string[]): ChildProcess {
    const child = spawn(program, args, {
      ...accountOptions(findServerAccount()),
      stdio: ["ignore", "pipe", "ignore"],
    });
    children.push(child);
    return child;
  }

  it("does not stop a start when its pid now belongs to another process", async () => {
    await (await start()).stop();
    leavePostmasterFile(startOtherProcess("sleep", ["60"]).pid ?? 0);
    expect(await query((await start()).url, "select 1 as n")).toEqual([{ n: 1 }]);
  });

  it("does not stop a start when it is a zombie that nobody collects", async () => {
    await (await start()).stop();
    const parent = startOtherProcess("sh", ["-c", "sleep 0.01 & echo $!; exec sleep 60"]);
    const zombie = await new Promise<number>((resolve) =>
      parent.stdout?.once("data", (pid) => resolve(Number(pid))),
    );
    await waitUntil(() => !processIsAlive(zombie));
    leavePostmasterFile(zombie);
    expect(await query((await start()).url, "select 1 as n")).toEqual([{ n: 1 }]);
  });

  it("is removed when an initdb was interrupted", async () => {
    mkdirSync(`${dataDir}.init-dead`);
    writeFileSync(`${dataDir}.init-dead.password`, "x");
    await start();
    expect(existsSync(`${dataDir}.init-dead`)).toBe(false);
    expect(existsSync(`${dataDir}.init-dead.password`)).toBe(false);
  });
});

describe("a directory that can't be used", () => {
  it("is refused when another PostgreSQL version made it, with what to do", async () => {
    const old = join(dir.path, "old");
    mkdirSync(old);
    writeFileSync(join(old, "PG_VERSION"), "17\n");
    const refused = start({ dataDir: old });
    await expect(refused).rejects.toMatchObject({ code: "postgres.version_unsupported" });
    await expect(refused).rejects.toThrow(/PostgreSQL 17.*DATABASE_URL/);
  });

  it("is refused when it holds something else, which stays untouched", async () => {
    const full = join(dir.path, "full");
    mkdirSync(full);
    writeFileSync(join(full, "letter.txt"), "dear");
    await expect(start({ dataDir: full })).rejects.toMatchObject({ code: "home.unusable" });
    expect(readdirSync(full)).toEqual(["letter.txt"]);
    expect(readdirSync(dir.path).filter((name) => name.startsWith("full.init"))).toEqual([]);
  });

  it("is refused when it is below a file", async () => {
    const below = join(dir.path, "full", "letter.txt", "cluster");
    const refused = start({ dataDir: below });
    await expect(refused).rejects.toMatchObject({ code: "home.unusable" });
    await expect(refused).rejects.toThrow(/not a directory\.$/);
  });

  it("frees the lock when the start fails", async () => {
    const failed = await start({ dataDir: join(dir.path, "old") }).catch((error: unknown) => error);
    expect(isAppError(failed, "postgres.version_unsupported")).toBe(true);
    expect(readdirSync(join(dir.path, "old.owners"))).toEqual([]);
  });
});
