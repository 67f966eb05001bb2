import { Writable } from "node:stream";
import type { ErrorResponse, Health } from "@agentvine/contracts";
import { createLogger, deferred } from "@agentvine/kit";
import { waitUntil } from "@agentvine/testkit";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { buildTestApp } from "../testing/build-test-app.ts";
import { buildWorkFixture, type TestWorker, type WorkFixture } from "../testing/work-fixture.ts";
import type { Tx } from "./client.ts";

const connectionsMax = 4;
const connectTimeoutMs = 1_500;
const statementTimeoutMs = 1_500;
const lockTimeoutMs = 400;
/** A loaded machine is late; unbounded would be later still. */
const slackMs = 8_000;
let work: WorkFixture;
let worker: TestWorker;

beforeAll(async () => {
  work = await buildWorkFixture(
    { databaseConnections: connectionsMax },
    { database: { connectTimeoutMs, statementTimeoutMs, lockTimeoutMs } },
  );
  worker = await work.registerWorker({ slots: 10 });
});
afterAll(() => work.close());

const health = async (path: string) => await work.app.request<Health>("GET", path, { token: null });

/** A transaction of somebody else on the same database, open until told. */
async function openForeign(statement: string): Promise<{ end(): Promise<void> }> {
  const client = new pg.Client({ connectionString: work.app.databaseUrl, application_name: "somebody" });
  await client.connect();
  await client.query("begin");
  await client.query(statement);
  return {
    end: async () => {
      await client.query("rollback");
      await client.end();
    },
  };
}

/** Takes every connection that requests can have. */
async function takeConnections(): Promise<{ free(): Promise<void> }> {
  const ending = deferred<void>();
  let taken = 0;
  const holders = Array.from({ length: connectionsMax }, () =>
    work.app.database.db.transaction(async (tx: Tx) => {
      await tx.execute("select 1");
      taken += 1;
      await ending.promise;
    }),
  );
  const free = async (): Promise<void> => {
    ending.resolve();
    await Promise.allSettled(holders);
  };
  onTestFinished(free);
  await waitUntil(() => taken === connectionsMax);
  return { free };
}

describe("while all connections are in use", () => {
  test("others are refused after a bounded wait, leases are renewed, health tells, and all goes on afterwards", async () => {
    const task = await work.createTask();
    const claim = await work.mustClaim(worker);
    const { free } = await takeConnections();
    const startedMs = performance.now();
    const refused = Promise.all(
      Array.from({ length: 30 }, () => work.app.request<ErrorResponse>("GET", "/api/v1/tasks")),
    );
    await waitUntil(() => work.app.database.pool.waitingCount >= 10);
    expect((await health("/health/live")).status).toBe(200);
    const ready = await health("/health/ready");
    expect([ready.status, ready.body.status]).toEqual([200, "degraded"]);
    expect(ready.body.components.database?.detail).toMatch(
      /^all 4 connections are in use, \d+ requests wait$/,
    );
    for (const { status, headers, body } of await refused) {
      expect([status, body.error.code]).toEqual([503, "database.busy"]);
      expect(Number(headers.get("retry-after"))).toBeGreaterThan(0);
    }
    expect(performance.now() - startedMs).toBeLessThan(connectTimeoutMs + slackMs);

    const held = { workOrderId: claim.workOrder.id, attempt: claim.attempt };
    const beat = await work.heartbeat(worker, { orders: [held] });
    expect(beat).toMatchObject({ status: 200, body: { renewed: [held], lost: [] } });
    const { body: metrics } = await work.app.request<string>("GET", "/metrics");
    expect(metrics).toMatch(/agentvine_database_connections\{pool="requests",state="used"\} 4/);

    await free();
    expect((await work.complete(claim)).status).toBe(200);
    expect((await work.getTask(task.id)).status).toBe("in_review");
    expect((await health("/health/ready")).body.status).toBe("up");
  });
});

describe("a slow database", () => {
  test("a statement that takes too long is ended and told as one that may be tried again", async () => {
    const startedMs = performance.now();
    const error: unknown = await work.app.database.db
      .execute("select pg_sleep(30)")
      .catch((caught) => caught);
    expect(error).toMatchObject({ cause: { code: "57014" } });
    expect(performance.now() - startedMs).toBeLessThan(statementTimeoutMs + slackMs);
    await using app = await buildTestApp({
      database: { statementTimeoutMs: 200 },
      prepare: ({ server }) => {
        server.get("/slow", () => app.database.db.execute("select pg_sleep(30)"));
      },
    });
    const { status, headers, body } = await app.request<ErrorResponse>("GET", "/slow");
    expect([status, body.error.code]).toEqual([503, "request.timeout"]);
    expect(Number(headers.get("retry-after"))).toBeGreaterThan(0);
  });

  test("a lock that somebody else holds costs a bounded wait, and the change goes through once it is free", async () => {
    const task = await work.createTask();
    const other = await openForeign(`select from tasks where id = '${task.id}' for update`);
    const startedMs = performance.now();
    const path = `/api/v1/tasks/${task.id}/cancel`;
    const refused = await work.app.request<ErrorResponse>("POST", path, { body: { reason: "no" } });
    expect([refused.status, refused.body.error.code]).toEqual([503, "database.busy"]);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(performance.now() - startedMs).toBeLessThan(lockTimeoutMs + slackMs);
    expect((await work.createTask()).status).toBe("queued");
    await other.end();
    expect((await work.app.request("POST", path, { body: { reason: "no" } })).status).toBe(200);
  });

  test("a transaction that is held open keeps events back, and that is told by log, metrics and health", async () => {
    const lines: { msg: string; holder?: { application: string } }[] = [];
    const stream = new Writable({
      write(line, _encoding, done) {
        lines.push(JSON.parse(String(line)));
        done();
      },
    });
    await using app = await buildTestApp({
      logger: createLogger({ name: "test", level: "warn", stream }),
      limits: { eventsLateMs: 300 },
    });
    const client = new pg.Client({ connectionString: app.databaseUrl, application_name: "somebody" });
    await client.connect();
    await client.query("begin; insert into settings (key, value) values ('held', '1')");
    const body = { name: "key", permissions: ["tasks:read"] };
    await app.request("POST", "/api/v1/api-keys", { body });
    await app.database.db.execute("insert into events (id, type) values (gen_random_uuid(), 'task.updated')");
    const events = async () =>
      (await app.request<Health>("GET", "/health", { token: null })).body.components.events;
    const told = await waitUntil(async () =>
      (await events())?.status === "degraded" ? await events() : undefined,
    );
    expect(told?.detail).toMatch(/^not shown for \d+ s: a transaction is held open/);
    expect(lines.find(({ msg }) => msg.startsWith("events can't be shown"))?.holder).toMatchObject({
      application: "somebody",
    });
    const { body: metrics } = await app.request<string>("GET", "/metrics");
    expect(Number(/^agentvine_events_lag_seconds (\S+)$/m.exec(metrics)?.[1])).toBeGreaterThan(0.2);
    await client.query("rollback");
    await client.end();
    await waitUntil(async () => (await events())?.status === "up");
  });
});
