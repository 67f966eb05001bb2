import type { Stats, StatsSample } from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createChores } from "../../jobs/chores.ts";
import { buildWorkFixture, type WorkFixture } from "../../testing/work-fixture.ts";
import { createStatsService, type StatsService } from "./index.ts";

let work: WorkFixture;
let stats: StatsService;
beforeAll(async () => {
  work = await buildWorkFixture();
  stats = createStatsService({ db: work.app.database.db });
});
afterAll(() => work.close());
beforeEach(async () => {
  await work.sql("delete from tasks");
  await work.sql("delete from stats_samples");
});

const get = <T>(path: string, token?: string | null) =>
  work.app.request<T>("GET", `/api/v1/stats${path}`, token === undefined ? {} : { token });

/** A task that ended; times in seconds before now, or before the start of this minute. */
async function ended(status: "completed" | "failed" | "cancelled", at: string, tookSeconds = 10) {
  const task = await work.createTask();
  await work.sql(
    `update tasks set status = $2, completed_at = ${at}, created_at = ${at} - make_interval(secs => $3) where id = $1`,
    [task.id, status, tookSeconds],
  );
}

describe("GET /api/v1/stats", () => {
  it("200 counts what is there, and tells throughput, success and time to done of a window", async () => {
    for (const took of [10, 20, 60]) await ended("completed", "now() - interval '10 seconds'", took);
    await ended("failed", "now() - interval '10 seconds'");
    await ended("cancelled", "now() - interval '10 seconds'");
    await ended("completed", "now() - interval '2 hours'", 5_000);
    await work.createTask();
    const { status, body } = await get<Stats>("?windowSeconds=3600");
    expect(status).toBe(200);
    expect(body).toMatchObject({
      tasks: { completed: 4, failed: 1, cancelled: 1, queued: 1 },
      window: {
        seconds: 3_600,
        completed: 3,
        failed: 1,
        successRate: 0.75,
        throughputPerHour: 3,
        secondsToDoneP50: expect.closeTo(20),
        secondsToDoneP95: expect.closeTo(56),
      },
    });
    expect((await get<Stats>("?windowSeconds=86400")).body.window.completed).toBe(4);
  });

  it("tells depth and age of each lane, without what is not due yet", async () => {
    await work.createTask({ priority: "critical" });
    const old = await work.createTask({ priority: "low" });
    const later = await work.createTask({ priority: "low" });
    await work.sql("update work_orders set enqueued_at = now() - interval '100 seconds' where task_id = $1", [
      old.id,
    ]);
    await work.sql(
      "update work_orders set available_at = now() + interval '1 hour', enqueued_at = now() - interval '1 day' where task_id = $1",
      [later.id],
    );
    const { lanes } = (await get<Stats>("")).body;
    expect(lanes.map(({ lane, pending }) => [lane, pending])).toEqual([
      ["high_priority", 1],
      ["default", 0],
      ["low_priority", 1],
    ]);
    expect(lanes[1]?.oldestPendingSeconds).toBeNull();
    expect(lanes[2]?.oldestPendingSeconds).toBeGreaterThanOrEqual(100);
    expect(lanes[2]?.oldestPendingSeconds).toBeLessThan(3_600);
  });

  it("has no success rate while nothing ended", async () => {
    expect((await get<Stats>("")).body.window).toMatchObject({
      seconds: 86_400,
      completed: 0,
      successRate: null,
      throughputPerHour: 0,
      secondsToDoneP50: null,
    });
  });

  it("400 for a window that is none, 401 without a token", async () => {
    for (const query of ["?windowSeconds=1", "?windowSeconds=x", "?windowSeconds=99999999"]) {
      expect((await get(query)).status).toBe(400);
    }
    expect((await get("", null)).status).toBe(401);
    expect((await get("/series", null)).status).toBe(401);
  });
});

describe("samples of the queue", () => {
  it("keep how things stand, once a minute however often they are taken", async () => {
    const worker = await work.registerWorker();
    await work.createTask();
    await work.createTask({ priority: "high" });
    await work.mustClaim(worker);
    await stats.sample();
    await work.createTask();
    await Promise.all([stats.sample(), stats.sample()]);
    const { body } = await get<{ items: StatsSample[] }>("/series");
    // Two, when a minute ended in between.
    expect(body.items.length).toBeLessThanOrEqual(2);
    expect(body.items.at(-1)).toMatchObject({ claimed: 1, workersOnline: 1, completed: 0, failed: 0 });
    expect(body.items.at(-1)?.sampledAt).toMatch(/:00\.000Z$/);
    expect(body.items.at(-1)?.lanes.reduce((sum, { pending }) => sum + pending, 0)).toBe(2);
  });

  it("count each end once: what ended in the minute before", async () => {
    const minute = "date_trunc('minute', now())";
    await ended("completed", `${minute} - interval '1 second'`);
    await ended("completed", `${minute} - interval '60 seconds'`);
    await ended("failed", `${minute} - interval '30 seconds'`);
    await ended("completed", `${minute} - interval '61 seconds'`);
    await ended("completed", "now()");
    await stats.sample();
    const { items } = (await get<{ items: StatsSample[] }>("/series")).body;
    expect(items.at(-1)).toMatchObject({ completed: 2, failed: 1 });
  });

  it("are read newest first in number and oldest first in order", async () => {
    await work.sql(
      `insert into stats_samples (sampled_at, lanes, claimed, completed, failed, workers_online)
       select date_trunc('minute', now()) - make_interval(mins => n), '[]', n, 0, 0, 0 from generate_series(1, 100) n`,
    );
    const claimed = async (query: string) =>
      (await get<{ items: StatsSample[] }>(`/series${query}`)).body.items.map((item) => item.claimed);
    expect(await claimed("?limit=3")).toEqual([3, 2, 1]);
    expect(await claimed("")).toHaveLength(60);
    const [fifth] = await work.sql<{ sampled_at: Date }>(
      "select sampled_at from stats_samples where claimed = 5",
    );
    const since = fifth?.sampled_at.toISOString();
    expect((await claimed(`?since=${since}`)).at(-1)).toBe(1);
    expect(await claimed(`?since=${since}`)).toHaveLength(5);
    expect((await get("/series?since=yesterday")).status).toBe(400);
    expect((await get("/series?limit=0")).status).toBe(400);
  });
});

describe("retention", () => {
  it("forgets samples of queue and workers, and answers of idempotent requests, that are old, and nothing else", async () => {
    const { id: workerId } = await work.registerWorker();
    await work.sql(
      `insert into stats_samples (sampled_at, lanes, claimed, completed, failed, workers_online)
       select now() - make_interval(days => n), '[]', 0, 0, 0, 0 from unnest(array[1, 29, 31, 400]) n`,
    );
    await work.sql(
      `insert into worker_samples (worker_id, sampled_at, active_count, load_average, memory_used_bytes, disk_free_bytes)
       select $1, now() - make_interval(days => n), 0, 0, 0, 0 from unnest(array[1, 29, 31, 400]) n`,
      [workerId],
    );
    await work.sql(
      `insert into idempotency_keys (actor, route, key, request_hash, status, request_id, created_at, held_until)
       select 'user:x', 'POST /x', 'k' || n, '', 'done', 'r', now() - make_interval(days => n), now()
       from unnest(array[0, 3]) n`,
    );
    const forgotten: [string, number][] = [];
    const forget = (name: string) => async (days: number) => {
      forgotten.push([name, days]);
      return 7;
    };
    const enqueued: string[] = [];
    const days = { artifacts: 180, attachments: 365, events: 0, notices: 30, tokens: 90, audit: 730 };
    const chores = createChores({
      stats,
      idempotency: work.app.idempotency,
      executions: { forgetLogs: forget("logs") },
      artifacts: { sweep: async () => 3, forgetOld: forget("artifacts") },
      attachments: { sweepUnsent: async () => 4, forgetOld: forget("attachments") },
      events: { forgetOld: forget("events") },
      callers: { forgetEnded: forget("tokens") },
      auditChain: { seal: async () => 5, removeOld: forget("audit") },
      notices: { takeUnqueued: async () => ["a", "b"], forget: forget("notices") },
      retentionDays: { ...days, samples: 30, idempotencyKeys: 1, logs: 90 },
      enqueueNotice: async (id) => void enqueued.push(id),
    });
    const run = (name: string) => chores.find((chore) => chore.name === name)?.run();
    const others = { logs: 7, artifacts: 7, attachments: 7, notices: 7, tokens: 7, audit: 7 };
    expect(await run("retention")).toEqual({ ...others, samples: 4, idempotencyKeys: 1 });
    // Zero days are for ever: of events nothing is asked.
    const { events: _, ...asked } = days;
    expect(Object.fromEntries(forgotten)).toEqual({ ...asked, logs: 90 });
    expect(await run("retention")).toMatchObject({ samples: 0, idempotencyKeys: 0 });
    expect(await run("seal-audit-log")).toEqual({ sealed: 5 });
    expect(await run("resend-notices")).toEqual({ enqueued: 2 });
    expect(enqueued).toEqual(["a", "b"]);
    expect(await run("sweep-blobs")).toEqual({ unsentAttachments: 4, removed: 3 });
    expect(await run("sample-stats")).toEqual({});
    expect(await work.sql("select from worker_samples where worker_id = $1", [workerId])).toHaveLength(2);
    expect(await work.sql("select from stats_samples")).toHaveLength(3);
    await work.sql("delete from idempotency_keys");
  });
});

describe("samples of a worker", () => {
  it("are kept at most once a minute and can be read", async () => {
    const worker = await work.registerWorker({ instanceId: newId() });
    const metrics = {
      loadAverage: 1.5,
      memoryUsedBytes: 1,
      memoryTotalBytes: 2,
      diskFreeBytes: 3,
      supervisorRssBytes: 4,
    };
    for (let beat = 0; beat < 3; beat += 1) await work.heartbeat(worker, { metrics });
    const path = `/api/v1/workers/${worker.id}/metrics`;
    const { body } = await work.app.request<{ items: unknown[] }>("GET", path);
    expect(body.items).toMatchObject([
      { activeCount: 0, loadAverage: 1.5, memoryUsedBytes: 1, diskFreeBytes: 3 },
    ]);
  });
});
