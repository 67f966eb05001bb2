import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { describe, expect, it } from "vitest";
import { startBackend } from "./backend-process.ts";
import { testCluster } from "./database.ts";
import { processIsAlive } from "./processes.ts";
import { useTempDir } from "./temp-dir.ts";

const dir = useTempDir();

/** A program that keeps the backend's start protocol. */
function program(text: string): string {
  const file = join(dir(), "backend.mjs");
  writeFileSync(file, text);
  return file;
}

const obedient = `
import { writeFileSync } from "node:fs";
const { AGENTVINE_HOME: home, DATABASE_URL: database, AGENTVINE_PORT: port, EXTRA: extra } = process.env;
const tokenFile = home + "/token";
writeFileSync(tokenFile, "secret\\n");
console.log("something else");
console.log(JSON.stringify({ ready: true, url: "http://127.0.0.1:1/" + [port, extra].join("-"), tokenFile }));
console.error("database " + database);
setInterval(() => {}, 1000);
`;

describe("startBackend", () => {
  it("starts on a database and home of its own and removes both on stop", async () => {
    const backend = await startBackend({ entry: program(obedient), env: { EXTRA: "x" } });
    expect(backend).toMatchObject({ url: "http://127.0.0.1:1/0-x", token: "secret" });
    expect(processIsAlive(backend.pid)).toBe(true);
    await backend.stop();
    expect(processIsAlive(backend.pid)).toBe(false);
    expect(existsSync(backend.home)).toBe(false);
    const client = new pg.Client(testCluster().url);
    await client.connect();
    const name = new URL(backend.databaseUrl).pathname.slice(1);
    expect((await client.query("select 1 from pg_database where datname = $1", [name])).rowCount).toBe(0);
    await client.end();
  });

  it("keeps home and database of a killed one for the next", async () => {
    const entry = program(obedient);
    const first = await startBackend({ entry });
    await first.kill();
    const { home, databaseUrl } = first;
    expect(existsSync(home)).toBe(true);
    const second = await startBackend({ entry, home, databaseUrl, port: 7 });
    expect(second.url).toContain("/7-");
    await second.stop();
    expect(existsSync(home)).toBe(true);
    await first.stop();
    expect(existsSync(home)).toBe(false);
  });

  it("fails with the end of standard error when the backend dies", async () => {
    const entry = program(`console.error("migration failed"); process.exitCode = 3;`);
    await expect(startBackend({ entry })).rejects.toThrow(
      /ended with 3 before it was ready:\nmigration failed/,
    );
  });

  it("fails when the backend stays silent, and leaves no process", async () => {
    const entry = program(`console.log("{}"); console.log(process.pid); setInterval(() => {}, 1000);`);
    await expect(startBackend({ entry, startTimeoutMs: 200 })).rejects.toThrow("not ready within 200 ms");
  });

  it("asks for a build when there is none", async () => {
    await expect(startBackend({ entry: join(dir(), "missing.js") })).rejects.toThrow("npm run build");
  });
});
