import type { Health } from "@agentvine/contracts";
import { newId, systemClock } from "@agentvine/kit";
import { sql } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openDatabase } from "../../database/client.ts";
import { buildTestApp, type TestApp } from "../../testing/build-test-app.ts";
import { overallHealth } from "./health.ts";
import { createHealthService } from "./index.ts";

let app: TestApp;
beforeAll(async () => {
  app = await buildTestApp();
});
afterAll(() => app.close());

const ask = (path: string) => app.request<Health>("GET", path, { token: null });
const options = {
  clock: systemClock,
  version: "1.2.3",
  registration: null,
  database: "external",
  backgroundQueue: "postgres",
} as const;

test("health names each part with status and latency, and needs no token", async () => {
  const { status, body } = await ask("/health");
  expect(status).toBe(200);
  for (const [name, part] of Object.entries(body.components)) {
    expect(part.latencyMs, name).toBeGreaterThanOrEqual(0);
  }
  expect(body).toMatchObject({
    components: {
      database: { status: "up", detail: "external" },
      queue: { status: "up" },
      workers: { status: "absent", detail: "none has registered" },
      controllers: { status: "absent" },
    },
  });
});

test("health counts the workers by what they do", async () => {
  await app.database.db.execute(sql`
    insert into workers (id, name, worker_type, status, version, instance_id, max_concurrent_tasks, timeout_seconds, capabilities)
    select gen_random_uuid(), 'w' || n, 'general', case when n = 1 then 'offline' else 'idle' end, '1', ${newId()}, 1, 60, '{}'
    from generate_series(1, 3) n`);
  const { workers } = (await ask("/health")).body.components;
  expect(workers?.status).toBe("up");
  expect(workers?.detail.split(", ").sort()).toEqual(["1 offline", "2 idle"]);
  await app.database.db.execute(sql`delete from workers`);
});

test("ready looks at database and migrations alone", async () => {
  const { status, body } = await ask("/health/ready");
  expect([status, body.status, Object.keys(body.components)]).toEqual([
    200,
    "up",
    ["database", "migrations"],
  ]);
  await app.database.db.execute(sql`update drizzle.__drizzle_migrations set created_at = 1`);
  const behind = await ask("/health/ready");
  expect([behind.status, behind.body.components.migrations?.status]).toEqual([503, "down"]);
});

test("live answers whatever the database does; about tells version and mode", async () => {
  expect((await ask("/health/live")).body).toEqual({ status: "up" });
  expect((await app.request("GET", "/about", { token: null })).body).toMatchObject({
    name: "agentvine",
    mode: "local",
    registration: null,
    apiVersion: "v1",
    backgroundQueue: "postgres",
  });
});

describe("when a part fails", () => {
  test("without the database it is down and says so within its time, with no inner detail", async () => {
    const { db, vital, close } = openDatabase({ url: "postgres://user:hunter2@127.0.0.1:1/x" });
    const health = await createHealthService({ db, vital, ...options }).health();
    await close();
    expect(health.status).toBe("down");
    expect(health.components.database).toMatchObject({ status: "down", detail: "can't be reached" });
    expect(JSON.stringify(health)).not.toMatch(/hunter2|ECONNREFUSED/);
  });

  test("a part that never answers is down after two seconds, the whole degraded", async () => {
    const probes = {
      redis: () => new Promise<never>(() => {}),
      mail: async () => Promise.reject(new Error("x")),
    };
    const health = await createHealthService({ ...app.database, ...options, probes }).health();
    expect(health.status).toBe("degraded");
    expect(health.components.redis).toMatchObject({ status: "down", detail: "no answer within 2000 ms" });
    expect(health.components.mail?.status).toBe("down");
    expect(health.components.database?.status).toBe("up");
  });

  test("only a vital part brings the whole down", () => {
    const part = (status: "up" | "down" | "degraded" | "absent") => ({ status, latencyMs: 1, detail: "" });
    expect(overallHealth({ a: part("up"), b: part("absent") }, ["a"]).status).toBe("up");
    expect(overallHealth({ a: part("up"), b: part("down") }, ["a"]).status).toBe("degraded");
    expect(overallHealth({ a: part("degraded"), b: part("up") }, ["a"]).status).toBe("degraded");
    expect(overallHealth({ a: part("down"), b: part("up") }, ["a"]).status).toBe("down");
  });
});
