import { chmod, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { Writable } from "node:stream";
import { createLogger } from "@agentvine/kit";
import { createDatabase, type TestDatabase, useTempDir, waitUntil } from "@agentvine/testkit";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { type BackendConfig, readConfig } from "./config.ts";
import { startBackend } from "./process.ts";

const directory = useTempDir();
const logger = createLogger({ name: "test", level: "silent" });

let testDatabase: TestDatabase;
beforeAll(async () => {
  testDatabase = await createDatabase();
});
afterAll(() => testDatabase.drop());

const configOf = (change: Partial<BackendConfig> = {}): BackendConfig => ({
  ...readConfig({
    AGENTVINE_HOME: join(directory(), "home"),
    AGENTVINE_PORT: "0",
    DATABASE_URL: testDatabase.url,
    // One database, and a home for each test.
    AGENTVINE_MASTER_KEY: "00".repeat(32),
  }),
  runsChores: false,
  ...change,
});
const start = (change?: Partial<BackendConfig>) => startBackend(configOf(change), logger);
const connectionsTo = async () => {
  const client = new pg.Client(testDatabase.url);
  await client.connect();
  const { rows } = await client.query(
    "select count(*)::int as n from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()",
  );
  await client.end();
  return rows[0].n;
};

test("starts on an empty database, says where it is, and stops without leaving a connection", async () => {
  const backend = await start();
  const { ready } = backend;
  expect(ready).toMatchObject({ ready: true, pid: process.pid });
  const token = (await readFile(ready.tokenFile, "utf8")).trim();
  const response = await fetch(`${ready.url}/api/v1/repositories`, {
    headers: { authorization: `Bearer ${token}` },
  });
  expect(response.status).toBe(200);
  expect((await stat(ready.workerKeyFile)).mode & 0o777).toBe(0o600);
  expect((await stat(join(directory(), "home"))).mode & 0o777).toBe(0o700);
  await backend.stop();
  await expect(fetch(ready.url)).rejects.toThrow();
  await waitUntil(async () => (await connectionsTo()) === 0);
  await backend.stop();
});

test("a database that goes away in the middle of the start is told as that, without the statement under way", async () => {
  const database = await createDatabase();
  onTestFinished(() => database.drop());
  await (await start({ databaseUrl: database.url })).stop();
  const client = new pg.Client(database.url);
  await client.connect();
  await client.query(`create function go_away() returns trigger language plpgsql as
    $$ begin raise exception 'the database system is shutting down' using errcode = '57P03'; end $$`);
  await client.query("create trigger go_away before insert on users execute function go_away()");
  await client.end();
  await expect(start({ databaseUrl: database.url })).rejects.toMatchObject({
    code: "database.unavailable",
    message: "The database failed while the backend started: the database system is shutting down.",
  });
});

test("listening on every address without a public one is told once, for links that are mailed would lead nowhere", async () => {
  const told = async (change: Partial<BackendConfig>) => {
    const lines: string[] = [];
    const stream = new Writable({
      write: (line, _encoding, done) => {
        lines.push(String(line));
        done();
      },
    });
    const backend = await startBackend(
      configOf({ accounts: "invite", ...change }),
      createLogger({ name: "test", level: "warn", stream }),
    );
    await backend.stop();
    return lines.filter((line) => line.includes("AGENTVINE_PUBLIC_URL")).length;
  };
  expect(await told({ host: "0.0.0.0" })).toBe(1);
  expect(await told({ host: "0.0.0.0", publicUrl: "https://vine.example.org" })).toBe(0);
  expect(await told({})).toBe(0);
});

/** As root the cluster lies outside the home, where its own account reaches it; then the home says where. */
async function removeCluster(home: string): Promise<void> {
  const location = await readFile(join(home, "postgres.location"), "utf8").catch(() => undefined);
  if (location !== undefined) {
    await rm(dirname(location.trim()), { recursive: true, force: true });
  }
}

test("without a database address it runs its own, which keeps its data over a restart", async () => {
  const config = configOf({ databaseUrl: undefined });
  const first = await startBackend(config, logger);
  const about = await (await fetch(`${first.ready.url}/about`)).json();
  expect(about).toMatchObject({ database: { kind: "embedded" } });
  const token = (await readFile(first.ready.tokenFile, "utf8")).trim();
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  await fetch(`${first.ready.url}/api/v1/repositories`, {
    method: "POST",
    headers,
    body: JSON.stringify({ url: "https://example.org/kept/one" }),
  });
  await expect(startBackend(config, logger)).rejects.toMatchObject({ code: "home.in_use" });
  await first.stop();
  const second = await startBackend(config, logger);
  try {
    const list = await (await fetch(`${second.ready.url}/api/v1/repositories`, { headers })).json();
    expect(list).toMatchObject({ total: 1, items: [{ name: "one" }] });
  } finally {
    await second.stop();
    await removeCluster(config.home);
  }
}, 60_000);

describe("says in one line what is wrong, and leaves nothing running", () => {
  test("a taken port", async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    const { port } = other.address() as AddressInfo;
    await expect(start({ port })).rejects.toMatchObject({
      code: "server.port_in_use",
      message: `Port ${port} on 127.0.0.1 is taken. Choose another with --port or AGENTVINE_PORT.`,
    });
    await new Promise((resolve) => other.close(resolve));
    await waitUntil(async () => (await connectionsTo()) === 0);
  });

  test("an address that is not this machine's", async () => {
    await expect(start({ host: "192.0.2.1" })).rejects.toMatchObject({ code: "config.invalid" });
  });

  test("a database that nobody serves", async () => {
    await expect(start({ databaseUrl: "postgres://u:hunter2@127.0.0.1:1/x" })).rejects.toMatchObject({
      code: "database.unavailable",
      message: expect.not.stringContaining("hunter2"),
    });
  });

  test.each(["/proc/nowhere/home", "/dev/null/home"])(
    "a data directory that can't be made: %s",
    async (home) => {
      await expect(start({ home })).rejects.toMatchObject({
        code: "home.unusable",
        message: expect.stringContaining(home),
      });
    },
  );

  test("a file where the data directory should be", async () => {
    const home = join(directory(), "file");
    await writeFile(home, "");
    await expect(start({ home })).rejects.toMatchObject({ code: "home.unusable" });
  });

  test("a data directory that may not be written to, unless we are root", async () => {
    await chmod(directory(), 0o500);
    const isRoot = process.getuid?.() === 0;
    const attempt = start();
    if (isRoot) {
      await (await attempt).stop();
    } else {
      await expect(attempt).rejects.toMatchObject({ code: "home.unusable" });
    }
    await chmod(directory(), 0o700);
  });
});
