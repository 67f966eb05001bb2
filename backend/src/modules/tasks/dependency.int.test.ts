import type { Task } from "@agentvine/contracts";
import { deferred, newId } from "@agentvine/kit";
import { waitUntil } from "@agentvine/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { inTransaction } from "../../database/transaction.ts";
import { buildWorkFixture, type TestWorker, type WorkFixture } from "../../testing/work-fixture.ts";
import { insertDependencies } from "./dependency.repository.ts";
import { lockTask, lockTasks, shareDependencies } from "./index.ts";

let work: WorkFixture;
let worker: TestWorker;
beforeAll(async () => {
  work = await buildWorkFixture();
  worker = await work.registerWorker({ slots: 100 });
});
afterAll(() => work.close());
beforeEach(() => work.sql("delete from tasks"));

const depend = (taskId: string, dependsOnTaskId: string) =>
  work.app.request<Task & { error?: { code: string } }>("POST", `/api/v1/tasks/${taskId}/dependencies`, {
    body: { dependsOnTaskId },
  });
/** Runs and publishes the next order in the queue, whatever it is. */
const finishNext = async () => {
  const claim = await work.mustClaim(worker);
  await work.complete(claim);
  await work.publish(await work.mustClaim(worker));
  return claim;
};
const autonomous = (change: Record<string, unknown> = {}) =>
  work.createTask({ permissionLevel: "autonomous", ...change });

describe("two who queue a task and what it waits for at the same moment", () => {
  it("come one after the other and never into a deadlock", async () => {
    const first = await work.createTask({ enqueue: false });
    const second = await work.createTask({ enqueue: false, dependsOn: [first.id] });
    const ids = [first.id, second.id];
    const bothShare = deferred<void>();
    let sharing = 0;
    const lockBoth = () =>
      work.app.database.db.transaction(async (tx) => {
        await shareDependencies(tx, ids);
        sharing += 1;
        if (sharing === 2) bothShare.resolve();
        await bothShare.promise;
        return (await lockTasks(tx, ids)).length;
      });
    expect(await Promise.all([lockBoth(), lockBoth()])).toEqual([2, 2]);
  });
});

describe("a task that depends on another", () => {
  it("is blocked, says for what, and starts from its dependency's branch once that is completed", async () => {
    const first = await autonomous({ title: "first" });
    const second = await autonomous({ title: "second", dependsOn: [first.id, first.id] });
    expect(second).toMatchObject({
      status: "blocked",
      statusReason: 'Waits for "first".',
      dependsOn: [first.id],
    });
    const list = await work.app.request("GET", `/api/v1/tasks/${second.id}/dependencies`);
    expect(list.body).toMatchObject({ items: [{ dependsOnTaskId: first.id, dependsOnStatus: "queued" }] });
    await finishNext();
    expect(await work.getTask(second.id)).toMatchObject({ status: "queued", statusReason: "" });
    const claim = await work.mustClaim(worker);
    expect(claim).toMatchObject({
      task: { id: second.id },
      workOrder: { payload: { baseBranch: `agentvine/${first.id}/a1` } },
    });
    expect(await work.history(second.id)).toEqual(expect.arrayContaining(["task.blocked", "task.unblocked"]));
  });

  it("waits for all of them, also when they end at the same moment", async () => {
    for (let round = 0; round < 4; round += 1) {
      const both = [await autonomous(), await autonomous()];
      const last = await autonomous({ dependsOn: both.map((task) => task.id) });
      const runs = [await work.mustClaim(worker), await work.mustClaim(worker)];
      for (const run of runs) await work.complete(run);
      const pushes = [await work.mustClaim(worker), await work.mustClaim(worker)];
      const answers = await Promise.all(pushes.map((push) => work.publish(push)));
      expect(answers.map(({ status }) => status)).toEqual([200, 200]);
      expect((await work.getTask(last.id)).status).toBe("queued");
      await work.sql("delete from tasks");
    }
  });

  it("stays blocked when it fails, says so, and goes on when a retry succeeds", async () => {
    const first = await autonomous({ title: "first" });
    const second = await autonomous({ dependsOn: [first.id] });
    await work.fail(await work.mustClaim(worker));
    expect(await work.getTask(second.id)).toMatchObject({
      status: "blocked",
      statusReason: 'Waits for "first", which failed. Retry it or remove the dependency.',
    });
    await work.app.request("POST", `/api/v1/tasks/${first.id}/retry`, { body: {} });
    expect((await work.getTask(second.id)).statusReason).toBe('Waits for "first".');
    await finishNext();
    expect((await work.getTask(second.id)).status).toBe("queued");
  });

  it("stays blocked when it is cancelled, and starts when the dependency is removed", async () => {
    const first = await autonomous({ title: "first" });
    const second = await autonomous({ dependsOn: [first.id] });
    await work.app.request("POST", `/api/v1/tasks/${first.id}/cancel`, { body: {} });
    expect((await work.getTask(second.id)).statusReason).toMatch(/which was cancelled/);
    const path = `/api/v1/tasks/${second.id}/dependencies/${first.id}`;
    expect((await work.app.request("DELETE", path)).status).toBe(204);
    expect((await work.app.request("DELETE", path)).status).toBe(404);
    expect(await work.getTask(second.id)).toMatchObject({ status: "queued", dependsOn: [] });
  });

  it("never misses the end of what it was given to wait for at the same moment", async () => {
    for (let round = 0; round < 6; round += 1) {
      const first = await autonomous();
      await work.complete(await work.mustClaim(worker));
      const push = await work.mustClaim(worker);
      const [made] = await Promise.all([autonomous({ dependsOn: [first.id] }), work.publish(push)]);
      expect((await work.getTask(made.id)).status).toBe("queued");
      await work.sql("delete from tasks");
    }
  });

  it("can't be queued by hand before its time, but by its status it blocks until then", async () => {
    const first = await autonomous();
    const second = await autonomous({ dependsOn: [first.id], enqueue: false });
    const enqueued = await work.app.request("POST", "/api/v1/queue/enqueue", { body: { taskId: second.id } });
    expect([enqueued.status, enqueued.body]).toMatchObject([
      409,
      { error: { code: "task.illegal_transition" } },
    ]);
    const patched = await work.app.request("PATCH", `/api/v1/tasks/${second.id}`, {
      body: { status: "queued" },
    });
    expect(patched.body).toMatchObject({ status: "blocked" });
    await work.app.request("POST", `/api/v1/tasks/${second.id}/cancel`, { body: {} });
    await finishNext();
    expect((await work.getTask(second.id)).status).toBe("cancelled");
  });
});

describe("adding a dependency", () => {
  it("refuses circles of any length, and a task that waits for itself", async () => {
    const [a, b, c] = [
      await work.createTask({ enqueue: false }),
      await work.createTask({ enqueue: false }),
      await work.createTask({ enqueue: false }),
    ];
    expect((await depend(a.id, b.id)).body.dependsOn).toEqual([b.id]);
    expect((await depend(a.id, b.id)).status).toBe(201);
    expect((await depend(b.id, c.id)).status).toBe(201);
    for (const [task, on] of [
      [c.id, a.id],
      [b.id, a.id],
      [a.id, a.id],
    ] as const) {
      const refused = await depend(task, on);
      expect([refused.status, refused.body.error?.code]).toEqual([400, "task.dependency_cycle"]);
    }
    expect((await depend(a.id, newId())).status).toBe(404);
  });

  it("lets no two edges added at once close a circle", async () => {
    for (let round = 0; round < 5; round += 1) {
      const [a, b] = [await work.createTask({ enqueue: false }), await work.createTask({ enqueue: false })];
      const statuses = (await Promise.all([depend(a.id, b.id), depend(b.id, a.id)])).map(
        ({ status }) => status,
      );
      expect(statuses.sort()).toEqual([201, 400]);
    }
  });

  it("added while the task is being queued is never overlooked", async () => {
    const first = await autonomous({ title: "first" });
    const task = await work.createTask({ enqueue: false });
    const [locked, added] = [deferred<void>(), deferred<void>()];
    const adding = inTransaction(work.app.database.db, async (tx) => {
      await lockTask(tx, task.id);
      await insertDependencies(tx, task.id, [first.id]);
      locked.resolve();
      await added.promise;
    });
    await locked.promise;
    const queueing = work.app.request("POST", "/api/v1/queue/enqueue", { body: { taskId: task.id } });
    await waitUntil(async () => {
      const waiting = await work.sql(
        "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query like '%enqueued%'",
      );
      return waiting.length > 0;
    });
    added.resolve();
    await adding;
    expect((await queueing).status).toBe(409);
    expect((await work.getTask(task.id)).status).toBe("pending");
    expect(await work.sql("select 1 from work_orders where task_id = $1", [task.id])).toEqual([]);
  });

  it("is possible for what is pending or blocked only", async () => {
    const first = await autonomous({ title: "first" });
    const second = await autonomous({ title: "second" });
    const blocked = await autonomous({ dependsOn: [first.id] });
    expect((await depend(blocked.id, second.id)).body.statusReason).toBe('Waits for "first" and 1 more.');
    const refused = await depend(second.id, first.id);
    expect([refused.status, refused.body.error?.code]).toEqual([409, "task.illegal_transition"]);
  });
});

describe("enqueueing many", () => {
  it("queues a thousand in one go and says which it could not", async () => {
    const made = await work.app.work.tasks.create({
      id: newId(),
      actor: { kind: "user", id: work.app.local.userId, userId: work.app.local.userId, permissions: [] },
      body: {
        title: "template",
        description: "",
        type: "docs",
        repositoryUrl: work.repositoryPath,
        permissionLevel: "supervised",
        priority: "normal",
        agent: {},
        limits: {},
        requiredLabels: [],
        timeoutSeconds: 60,
        context: {},
        metadata: {},
        dependsOn: [],
        enqueue: false,
      },
      correlationId: "correlation",
    });
    await work.sql(
      `insert into tasks (id, title, task_type, permission_level, priority, status, repository_id, repository_url, timeout_seconds, created_by)
       select gen_random_uuid(), 'copy ' || n, task_type, permission_level, priority, status, repository_id, repository_url, 60, created_by
       from tasks, generate_series(1, 997) n where id = $1`,
      [made.id],
    );
    const busy = await work.createTask();
    const ids = (await work.sql<{ id: string }>("select id from tasks where status = 'pending'")).map(
      ({ id }) => id,
    );
    const items = [...ids, busy.id, newId()].map((taskId) => ({ taskId }));
    expect(items).toHaveLength(1_000);
    const startedMs = performance.now();
    const { status, body } = await work.app.request<{
      items: { workOrderId: string | null; error: string | null }[];
    }>("POST", "/api/v1/queue/enqueue-batch", { body: { items } });
    expect(status).toBe(200);
    expect(body.items.filter(({ workOrderId }) => workOrderId !== null)).toHaveLength(998);
    expect(body.items.slice(-2).map(({ error }) => error)).toEqual([
      "The task is queued; only pending tasks are queued.",
      "There is no such task.",
    ]);
    expect(performance.now() - startedMs).toBeLessThan(10_000);
    const [count] = await work.sql("select count(*)::int from work_orders where status = 'pending'");
    expect(count).toEqual({ count: 999 });
    const twice = await work.createTask({ enqueue: false });
    const again = await work.app.request("POST", "/api/v1/queue/enqueue-batch", {
      body: { items: [{ taskId: twice.id }, { taskId: twice.id }] },
    });
    expect(again.body).toMatchObject({ items: [{ error: null }, { error: "The task is named twice." }] });
  });
});
