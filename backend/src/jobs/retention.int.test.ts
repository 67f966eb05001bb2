import { waitUntil } from "@agentvine/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createArtifactService } from "../modules/artifacts/index.ts";
import { createExecutionService } from "../modules/executions/index.ts";
import { retentionDaysOf, retentionVariables } from "../retention.ts";
import { buildWorkFixture, type TestWorker, type WorkFixture } from "../testing/work-fixture.ts";
import { runRetention } from "./retention.ts";

// Database time can't be set: what is kept for so many days is made older instead.

let work: WorkFixture;
let worker: TestWorker;
beforeAll(async () => {
  work = await buildWorkFixture();
  worker = await work.registerWorker({ slots: 64 });
});
afterAll(() => work.close());

const count = async (text: string, values: unknown[] = []) =>
  (await work.sql<{ count: number }>(`select count(*)::int as count from ${text}`, values))[0]?.count;

/** A task with an execution that left logs, artifacts and events. */
async function taskWithTraces(end: "completed" | "failed" | "running", change: object = {}) {
  const task = await work.createTask({ priority: "critical", ...change });
  const claim = await work.mustClaim(worker);
  expect(claim.task.id).toBe(task.id);
  const line = { at: "2026-01-01T00:00:00Z", level: "info", source: "agent", message: "m" };
  await work.app.request("POST", `/api/v1/executions/${claim.executionId}/logs`, {
    token: claim.attemptToken,
    body: { offset: 0, text: `${JSON.stringify(line)}\n` },
  });
  await work.runResult(claim);
  if (end === "completed") {
    await work.complete(claim);
    await work.sql("update tasks set status = 'completed' where id = $1", [task.id]);
  }
  if (end === "failed") await work.fail(claim);
  return { taskId: task.id, executionId: claim.executionId };
}

/** As if everything about the task had happened so many days ago. */
async function age({ taskId, executionId }: { taskId: string; executionId: string }, days: number) {
  const by = "make_interval(days => $2)";
  await work.sql(`update tasks set updated_at = updated_at - ${by} where id = $1`, [taskId, days]);
  await work.sql(`update executions set completed_at = completed_at - ${by} where id = $1`, [
    executionId,
    days,
  ]);
  await work.sql(`update artifacts set created_at = created_at - ${by} where task_id = $1`, [taskId, days]);
  await waitUntil(
    async () => (await count("events where task_id = $1 and position is null", [taskId])) === 0,
  );
  await work.sql(`update events set occurred_at = occurred_at - ${by} where task_id = $1`, [taskId, days]);
}

const traces = async ({ taskId, executionId }: { taskId: string; executionId: string }) => ({
  logs: await count("execution_logs where execution_id = $1", [executionId]),
  artifacts: (await count("artifacts where task_id = $1", [taskId])) !== 0,
  events: (await count("events where task_id = $1", [taskId])) !== 0,
});

const services = () => {
  const { db } = work.app.database;
  const clock = { now: () => new Date(), monotonicMs: () => 0 };
  return {
    executions: createExecutionService({ db, clock: clock as never }),
    artifacts: createArtifactService({ db, blobs: {} as never }),
  };
};

test("logs, artifacts and events go when their task is over for long enough, and not before", async () => {
  const { executions, artifacts } = services();
  const old = await taskWithTraces("completed");
  const failed = await taskWithTraces("failed");
  const young = await taskWithTraces("completed");
  await age(old, 31);
  await age(failed, 31);
  await age(young, 29);
  await Promise.all([executions.forgetLogs(30), artifacts.forgetOld(30), work.app.events.forgetOld(30)]);
  expect(await traces(old)).toEqual({ logs: 0, artifacts: false, events: false });
  expect(await traces(failed)).toEqual({ logs: 0, artifacts: false, events: false });
  expect(await traces(young)).toEqual({ logs: 1, artifacts: true, events: true });
  expect(await artifacts.forgetOld(30)).toBe(0);
});

test("nothing is taken from a task that may still go on, however old it is", async () => {
  const { executions, artifacts } = services();
  const kept = { logs: 1, artifacts: true, events: true };
  const live = [];
  for (const status of ["pending", "blocked", "queued", "in_progress", "waiting", "in_review"]) {
    const one = await taskWithTraces("completed");
    await work.sql("update tasks set status = $2 where id = $1", [one.taskId, status]);
    await age(one, 5_000);
    live.push(one);
  }
  await Promise.all([executions.forgetLogs(1), artifacts.forgetOld(1), work.app.events.forgetOld(1)]);
  for (const one of live) expect(await traces(one)).toEqual(kept);
});

test("the artifacts of a task stay while another one that builds upon it may still go on", async () => {
  const { artifacts } = services();
  const base = await taskWithTraces("completed");
  const next = await work.createTask({ enqueue: false, dependsOn: [base.taskId] });
  await age(base, 100);
  await artifacts.forgetOld(30);
  expect((await traces(base)).artifacts).toBe(true);
  await work.app.request("POST", `/api/v1/tasks/${next.id}/cancel`, { body: {} });
  await artifacts.forgetOld(30);
  expect((await traces(base)).artifacts).toBe(false);
});

test("the last event stays, so that positions go on from where they were", async () => {
  await work.sql("update tasks set status = 'cancelled' where status <> 'cancelled'");
  await waitUntil(async () => (await count("events where position is null")) === 0);
  await work.sql("update events set occurred_at = occurred_at - interval '400 days'");
  const [before] = await work.sql<{ last: string }>("select max(position) as last from events");
  expect(await work.app.events.forgetOld(365)).toBeGreaterThan(0);
  expect(await work.sql("select position from events")).toEqual([{ position: before?.last }]);
  await work.createTask({ enqueue: false });
  await waitUntil(async () => (await work.app.events.last()) > Number(before?.last));
});

test("keys go after they ended, but for those in whose name others act or that a worker holds", async () => {
  const make = async (body: object = {}) =>
    (
      await work.app.request<{ apiKey: { id: string }; secret: string }>("POST", "/api/v1/api-keys", {
        body: { name: "k", permissions: ["worker:register", "worker:work"], ...body },
      })
    ).body;
  const end = (id: string, column: string, days: number) =>
    work.sql(`update api_keys set ${column} = now() - make_interval(days => $2) where id = $1`, [id, days]);
  const [revoked, expired, recent, lineage, held, living] = await Promise.all(
    Array.from({ length: 6 }, () => make()),
  );
  if (!(revoked && expired && recent && lineage && held && living)) throw new Error("a key is missing");
  const next = (
    await work.app.request<{ apiKey: { id: string } }>(
      "POST",
      `/api/v1/api-keys/${lineage.apiKey.id}/rotate`,
      {
        body: { overlapSeconds: 0 },
      },
    )
  ).body.apiKey;
  await work.sql("update workers set api_key_id = $1 where id = $2", [held.apiKey.id, worker.id]);
  for (const { apiKey } of [revoked, lineage, held]) await end(apiKey.id, "revoked_at", 91);
  await end(expired.apiKey.id, "expires_at", 91);
  await end(recent.apiKey.id, "revoked_at", 89);
  const ids = [revoked, expired, recent, lineage, held, living].map(({ apiKey }) => apiKey.id);
  const left = async () =>
    (await work.app.apiKeys.list()).map(({ id }) => id).filter((id) => ids.includes(id));
  expect(await work.app.apiKeys.forgetEnded(90)).toBe(2);
  expect((await left()).toSorted()).toEqual(
    [recent, lineage, held, living].map(({ apiKey }) => apiKey.id).toSorted(),
  );
  await end(next.id, "revoked_at", 91);
  await work.sql("update workers set deregistered_at = now() where id = $1", [worker.id]);
  // First what was made of it, in the next run the key itself.
  expect(await work.app.apiKeys.forgetEnded(90)).toBe(2);
  expect(await work.app.apiKeys.forgetEnded(90)).toBe(1);
  expect((await left()).toSorted()).toEqual([recent, living].map(({ apiKey }) => apiKey.id).toSorted());
});

test("more rows than one statement removes go too", async () => {
  await work.sql(
    `insert into idempotency_keys (actor, route, key, request_hash, status, request_id, created_at, held_until)
     select 'user:x', 'POST /x', 'k' || n, '', 'done', 'r', now() - interval '3 days', now() from generate_series(1, 12001) n`,
  );
  expect(await work.app.idempotency.deleteOld(2)).toBe(12_001);
});

test("one class that fails keeps no other from it, and is told", async () => {
  const done: string[] = [];
  const forget = (name: string) => async () => {
    if (name === "events") throw new Error("no events today");
    done.push(name);
    return 1;
  };
  const days = retentionDaysOf(
    Object.fromEntries(
      Object.entries(retentionVariables).map(([name, schema]) => [name, schema.parse(undefined)]),
    ) as never,
  );
  const all = Object.fromEntries(Object.keys(days).map((name) => [name, forget(name)]));
  await expect(runRetention(days, all as never)).rejects.toThrow("could not remove everything");
  expect(done.toSorted()).toEqual(
    Object.keys(days)
      .filter((name) => name !== "events")
      .toSorted(),
  );
});
