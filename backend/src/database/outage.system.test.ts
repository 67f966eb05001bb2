import type { ErrorResponse, Health } from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import { TcpProxy, type TcpProxyMode, waitUntil } from "@agentvine/testkit";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { readEvents } from "../testing/event-reader.ts";
import { buildWorkFixture, type TestWorker, type WorkFixture } from "../testing/work-fixture.ts";

const connectionsMax = 4;
const silentMs = 1_500;
/** Whoever had to wait for a connection of his own would be told only then. */
const connectTimeoutMs = 15_000;
const atOnceMs = 6_000;
let proxy: TcpProxy;
let work: WorkFixture;
let worker: TestWorker;

beforeAll(async () => {
  work = await buildWorkFixture(
    { databaseConnections: connectionsMax, runsChores: true, leaseSeconds: 6, heartbeatSeconds: 3 },
    {
      through: async (url) => {
        proxy = await TcpProxy.start(url);
        return proxy.urlOf(url);
      },
      database: { connectTimeoutMs },
      limits: { watch: { intervalMs: 50, answerMsMax: silentMs } },
    },
  );
});
beforeEach(async () => {
  // A new one each time: nobody sends its heartbeats.
  worker = await work.registerWorker({ slots: 50 });
});
afterEach(async () => {
  await proxy.set("pass");
  await untilReady();
});
afterAll(async () => {
  await work.close();
  await proxy.stop();
});

const health = (path = "/health") => work.app.request<Health>("GET", path, { token: null });
const untilReady = () =>
  waitUntil(async () => (await health("/health/ready")).status === 200, { timeoutMs: 15_000 });

/** One request, and how long its answer took. */
async function timed() {
  const startedMs = performance.now();
  const { status, headers, body } = await work.app.request<ErrorResponse>("GET", "/api/v1/tasks");
  return {
    status,
    code: body.error?.code,
    retryAfter: Number(headers.get("retry-after")),
    ms: performance.now() - startedMs,
  };
}

/** Expects every request to be refused at once, and what looks at the process to go on answering. */
async function expectRefusals(mode: TcpProxyMode): Promise<void> {
  const requests = Array.from({ length: 3 * connectionsMax }, () => timed());
  for (const answer of await Promise.all(requests)) {
    expect(answer, mode).toMatchObject({ status: 503, code: "database.unavailable" });
    expect(answer.retryAfter, mode).toBeGreaterThan(0);
    expect(answer.ms, mode).toBeLessThan(atOnceMs);
  }
  expect((await work.heartbeat(worker)).status).toBe(503);
  expect((await health("/health/live")).status).toBe(200);
  expect((await health("/health/ready")).body.components.database?.status).toBe("down");
  expect((await health()).status).toBe(503);
  const { body } = await work.app.request<string>("GET", "/metrics");
  expect(body).toContain("agentvine_database_up 0");
}

/** Waits for work as workers do: a poll that is refused is sent again under its key. */
async function untilClaimed(): ReturnType<WorkFixture["claim"]> {
  const key = newId();
  for (;;) {
    const answer = await work.claim(worker, { waitSeconds: 40, key });
    if (!answer.headers.has("retry-after")) return answer;
    await untilReady();
  }
}

/** Everything that waits in the background goes on by itself: polls, streams, positions, sweeps, chores, figures. */
async function expectAllResumed(parked: ReturnType<WorkFixture["claim"]>): Promise<void> {
  const task = await work.createTask();
  const { status, body: claim } = await parked;
  expect(status).toBe(200);
  expect(claim.task.id).toBe(task.id);
  await work.expireLease(claim.workOrder.id);
  await waitUntil(async () => (await work.getTask(task.id)).status === "queued", {
    message: "the sweep to take the lost lease back",
  });
  const { body: second } = await untilClaimed();
  expect((await work.complete(second)).status).toBe(200);
  const { body } = await work.app.request<string>("GET", "/metrics");
  expect(body).toContain("agentvine_database_up 1");
  await waitUntil(async () => (await health()).body.components.queue?.status === "up", {
    timeoutMs: 15_000,
    message: "the background queue to answer again",
  });
}

test.each<TcpProxyMode>(["refuse", "blackhole"])(
  "while the database is gone (%s) requests are refused at once, and when it is back all goes on by itself",
  async (mode) => {
    const reader = readEvents(work.app);
    await waitUntil(() => reader.connections > 0);
    const parked = untilClaimed();
    await waitUntil(() => work.app.work.claims.waiting() === 1);
    await waitUntil(async () => (await health()).body.components.queue?.status === "up", {
      timeoutMs: 15_000,
    });

    await proxy.set(mode);
    // The first ones may find connections that stand, on which no answer comes any more.
    const first = await timed();
    expect(first).toMatchObject({ status: 503, code: "database.unavailable" });
    expect(first.ms).toBeLessThan(silentMs + atOnceMs);
    await expectRefusals(mode);

    await proxy.set("pass");
    await untilReady();
    await expectAllResumed(parked);
    await waitUntil(() => reader.seen.some(({ type }) => type === "work_order.completed"), {
      message: "the stream to tell what happened",
    });
    reader.stop();
    const positions = reader.seen.map(({ position }) => position);
    expect(positions).toEqual([...new Set(positions)].toSorted((a, b) => a - b));
  },
  60_000,
);

test("connections lost in the middle of transactions cost the pool no place", async () => {
  const { pool } = work.app.database;
  for (let round = 0; round < 3; round += 1) {
    let begun = 0;
    const slow = Array.from({ length: connectionsMax }, () =>
      work.app.database.db.transaction(async (tx) => {
        begun += 1;
        await tx.execute("select pg_sleep(30)");
      }),
    );
    await waitUntil(() => begun === connectionsMax);
    proxy.cut();
    for (const { status } of await Promise.allSettled(slow)) expect(status).toBe("rejected");
    await untilReady();
  }
  await Promise.all(Array.from({ length: connectionsMax }, () => pool.query("select 1")));
  expect(pool.waitingCount).toBe(0);
});

test("polls and streams that wait hold no connection of the database", async () => {
  const readers = Array.from({ length: 5 }, () => readEvents(work.app));
  const controller = new AbortController();
  const { signal } = controller;
  const polls = Array.from({ length: 20 }, async () => {
    const own = await work.registerWorker();
    const query = `after=0&waitSeconds=40&instanceId=${own.instanceId}`;
    return [
      work.claim(own, { waitSeconds: 40, signal }),
      work.app.request("GET", `/api/v1/workers/${own.id}/commands?${query}`, {
        token: work.app.workerKey,
        signal,
      }),
    ].map((poll) => poll.catch(() => {}));
  });
  const waiting = (await Promise.all(polls)).flat();
  await waitUntil(
    () => work.app.work.claims.waiting() === 20 && readers.every(({ seen }) => seen.length > 0),
  );
  const { pool, vitalPool } = work.app.database;
  await waitUntil(() => pool.totalCount === pool.idleCount && vitalPool.totalCount === vitalPool.idleCount);
  expect((await timed()).ms).toBeLessThan(atOnceMs);
  controller.abort(new Error(newId()));
  for (const reader of readers) reader.stop();
  await Promise.all(waiting);
});
