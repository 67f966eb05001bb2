import type { Claim } from "@agentvine/contracts";
import { createLogger, newId } from "@agentvine/kit";
import { FaultProxy, waitUntil } from "@agentvine/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { openDatabase } from "../../database/client.ts";
import { openNotifications } from "../../database/notifications.ts";
import { buildWorkFixture, type WorkFixture } from "../../testing/work-fixture.ts";
import { claimSql } from "./claim.repository.ts";
import { createClaimService } from "./claim.service.ts";

const logger = createLogger({ name: "test", level: "silent" });
let work: WorkFixture;
beforeAll(async () => {
  work = await buildWorkFixture();
});
afterAll(() => work.close());
beforeEach(() => work.sql("delete from tasks"));

const titles = async (count: number) => {
  const worker = await work.registerWorker({ slots: count });
  const claimed: string[] = [];
  for (let n = 0; n < count; n += 1) {
    claimed.push((await work.mustClaim(worker)).task.title);
  }
  return claimed;
};

/** Starts `calls` while another transaction holds a row; lets it go once so many of them wait for it (0: once they are done). */
async function whileLocked<T>(
  lock: string,
  id: string,
  waiting: number,
  calls: () => Promise<T>[],
): Promise<T[]> {
  const client = await work.app.database.pool.connect();
  try {
    await client.query("begin");
    await client.query(lock, [id]);
    const results = Promise.all(calls());
    if (waiting === 0) {
      await results;
    }
    await waitUntil(async () => {
      const [row] = await work.sql<{ count: number }>(
        "select count(*)::int from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
      );
      return row?.count === waiting;
    });
    await client.query("commit");
    return await results;
  } finally {
    client.release();
  }
}

describe("a claim", () => {
  it("leases the order with its number, its duration and everything the worker needs", async () => {
    const task = await work.createTask({ title: "one" });
    const worker = await work.registerWorker();
    const claim = await work.mustClaim(worker);
    expect(claim).toMatchObject({
      attempt: 1,
      workOrder: { taskId: task.id, kind: "run", status: "claimed", attempt: 1, workerId: worker.id },
      task: { id: task.id, status: "in_progress", attempt: 1, runs: 1, assignedTo: worker.id },
      repository: { url: task.repositoryUrl },
      checkpoint: null,
    });
    expect(claim.leaseMs).toBeGreaterThan(50_000);
    expect(claim.leaseMs).toBeLessThanOrEqual(60_000);
    expect(claim.preAllowed.map((one) => one.toolClass)).toEqual(["read", "edit", "test", "command"]);
    const [execution] = await work.sql(
      "select status, agent, is_scripted, sandbox, attempt from executions where id = $1",
      [claim.executionId],
    );
    expect(execution).toEqual({
      status: "running",
      agent: "builtin scripted/demo",
      is_scripted: true,
      sandbox: "none",
      attempt: 1,
    });
    expect(await work.history(task.id)).toEqual([
      "task.created",
      "task.queued",
      "work_order.enqueued",
      "work_order.claimed",
      "task.claimed",
      "execution.started",
      "worker.status_changed",
    ]);
    const { body: busy } = await work.app.request<{ status: string; activeCount: number }>(
      "GET",
      `/api/v1/workers/${worker.id}`,
    );
    expect(busy).toMatchObject({ status: "busy", activeCount: 1 });
  });

  it("answers 204 when there is nothing", async () => {
    expect((await work.claim(await work.registerWorker())).status).toBe(204);
  });

  it("takes higher lanes first and older orders before younger ones", async () => {
    for (const [title, priority] of [
      ["low", "low"],
      ["normal 1", "normal"],
      ["normal 2", "normal"],
      ["critical", "critical"],
      ["high", "high"],
    ] as const) {
      await work.createTask({ title, priority });
    }
    expect(await titles(5)).toEqual(["critical", "high", "normal 1", "normal 2", "low"]);
  });

  it("lets what has waited longer than the head start go before a higher priority", async () => {
    const old = await work.createTask({ title: "old low", priority: "low" });
    await work.createTask({ title: "critical", priority: "critical" });
    await work.sql(
      `update work_orders set enqueued_at = enqueued_at - interval '6 hours 1 minute',
         ranked_at = ranked_at - interval '6 hours 1 minute' where task_id = $1`,
      [old.id],
    );
    expect(await titles(2)).toEqual(["old low", "critical"]);
  });

  it("ranks anew, with its age, when the priority changes", async () => {
    await work.createTask({ title: "first" });
    const second = await work.createTask({ title: "second" });
    await work.app.request("PATCH", `/api/v1/tasks/${second.id}`, { body: { priority: "high" } });
    expect(await titles(2)).toEqual(["second", "first"]);
  });

  it("matches task type, labels, driver and model", async () => {
    await work.createTask({ title: "docs", type: "docs" });
    await work.createTask({ title: "gpu", requiredLabels: ["gpu"] });
    await work.createTask({ title: "acp", agent: { driver: "acp" } });
    await work.createTask({ title: "model", agent: { model: "openai/x" } });
    await work.createTask({ title: "pair", agent: { driver: "builtin", model: "openai/x" } });
    const plain = await work.registerWorker({ slots: 9, capabilities: { taskTypes: ["bugfix"] } });
    expect((await work.claim(plain)).status).toBe(204);
    const able = await work.registerWorker({
      slots: 9,
      capabilities: {
        taskTypes: ["bugfix"],
        labels: ["gpu", "arm"],
        agents: [
          { driver: "acp", model: "openai/x", isScripted: false },
          { driver: "builtin", model: "openai/y", isScripted: false },
        ],
      },
    });
    const got = [];
    for (let claim = await work.claim(able); claim.status === 200; claim = await work.claim(able)) {
      got.push(claim.body.task.title);
    }
    expect(got).toEqual(["gpu", "acp", "model"]);
    const narrow = await work.registerWorker();
    expect((await work.claim(narrow, { taskTypes: ["feature"] })).status).toBe(204);
    expect((await work.mustClaim(narrow, { taskTypes: ["docs"] })).task.title).toBe("docs");
  });

  it("gives a worker without an agent nothing to run", async () => {
    await work.createTask();
    expect((await work.claim(await work.registerWorker({ capabilities: { agents: [] } }))).status).toBe(204);
  });

  it("gives 20 parallel repeats of one key one lease", async () => {
    for (let n = 0; n < 5; n += 1) await work.createTask();
    const worker = await work.registerWorker({ slots: 20 });
    const key = newId();
    const claims = await Promise.all(Array.from({ length: 20 }, () => work.claim(worker, { key })));
    expect(new Set(claims.map((claim) => `${claim.body.workOrder.id} ${claim.body.attempt}`)).size).toBe(1);
    expect(new Set(claims.map((claim) => claim.body.attemptToken)).size).toBe(1);
    const [{ count } = { count: 0 }] = await work.sql<{ count: number }>(
      "select count(*)::int from work_orders where status = 'claimed'",
    );
    expect(count).toBe(1);
    const [{ active_count: active } = { active_count: 0 }] = await work.sql<{ active_count: number }>(
      "select active_count from workers where id = $1",
      [worker.id],
    );
    expect(active).toBe(1);
  });

  it("gives repeats that run into each other the lease of the one that wins", async () => {
    for (let n = 0; n < 5; n += 1) await work.createTask();
    const worker = await work.registerWorker({ slots: 20 });
    const key = newId();
    const claims = await whileLocked("select from workers where id = $1 for update", worker.id, 4, () =>
      Array.from({ length: 4 }, () => work.claim(worker, { key })),
    );
    expect(claims.map((claim) => claim.status)).toEqual([200, 200, 200, 200]);
    expect(new Set(claims.map((claim) => claim.body.workOrder.id)).size).toBe(1);
    expect((await work.app.work.workers.get(worker.id)).activeCount).toBe(1);
  });

  it("does not wait for a task that somebody has locked, and takes it afterwards", async () => {
    const task = await work.createTask();
    const worker = await work.registerWorker();
    const [claim] = await whileLocked("select from tasks where id = $1 for update", task.id, 0, () => [
      work.claim(worker),
    ]);
    expect(claim?.status).toBe(204);
    expect((await work.mustClaim(worker)).task.id).toBe(task.id);
  });

  it("gives one order to one of 20 parallel claims under different keys", async () => {
    const task = await work.createTask();
    const workers = await Promise.all(Array.from({ length: 20 }, () => work.registerWorker()));
    const statuses = (await Promise.all(workers.map((worker) => work.claim(worker)))).map((c) => c.status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
    expect(statuses.filter((status) => status === 204)).toHaveLength(19);
    expect((await work.getTask(task.id)).attempt).toBe(1);
  });

  it("never gives a worker more than its slots, however many claims run at once", async () => {
    for (let n = 0; n < 12; n += 1) await work.createTask();
    const worker = await work.registerWorker({ slots: 3 });
    const claims = await Promise.all(Array.from({ length: 12 }, () => work.claim(worker)));
    expect(claims.filter((claim) => claim.status === 200)).toHaveLength(3);
    expect(
      new Set(claims.flatMap(({ status, body }) => (status === 200 ? [body.workOrder.id] : []))).size,
    ).toBe(3);
  });

  it("gives nothing to a worker that drains, is offline or faulty", async () => {
    await work.createTask();
    const worker = await work.registerWorker();
    for (const status of ["draining", "offline", "error"]) {
      await work.sql("update workers set status = $2 where id = $1", [worker.id, status]);
      expect((await work.claim(worker)).status).toBe(204);
    }
  });

  it("tells a process that another took its name to stop, and an unknown one to register", async () => {
    const old = await work.registerWorker({ name: "twin" });
    await work.registerWorker({ name: "twin" });
    const superseded = await work.claim(old);
    expect([superseded.status, superseded.body]).toMatchObject([
      409,
      { error: { code: "worker.superseded" } },
    ]);
    const unknown = await work.claim({ ...old, id: newId() });
    expect([unknown.status, unknown.body]).toMatchObject([404, { error: { code: "worker.not_found" } }]);
  });

  it("hands an order out no sooner than it is available and not after it expired", async () => {
    const delayed = await work.createTask({ enqueue: false });
    const stale = await work.createTask({ enqueue: false });
    await work.app.request("POST", "/api/v1/queue/enqueue", {
      body: { taskId: delayed.id, delaySeconds: 3_600 },
    });
    await work.app.request("POST", "/api/v1/queue/enqueue", {
      body: { taskId: stale.id, expiresInSeconds: 60 },
    });
    await work.sql("update work_orders set expires_at = now() where task_id = $1", [stale.id]);
    expect((await work.claim(await work.registerWorker())).status).toBe(204);
  });
});

describe("with a long queue", () => {
  it("walks the claim index and nothing else, however much is queued that the worker can't do", async () => {
    const task = await work.createTask({ enqueue: false });
    await work.sql(
      `with made as (
         insert into tasks (id, title, task_type, permission_level, priority, status, repository_id, repository_url, timeout_seconds, created_by)
         select gen_random_uuid(), 'copy ' || n, task_type, permission_level, priority, 'queued', repository_id, repository_url, 60, created_by
         from tasks, generate_series(1, 6000) n where id = $1 returning id)
       insert into work_orders (id, task_id, kind, queue_name, work_type, status, max_retries, timeout_seconds, ranked_at)
       select gen_random_uuid(), id, 'run', 'default',
         case when random() < 0.5 then '{"type":"docs"}' else '{"type":"bugfix","labels":["gpu"]}' end,
         'pending', 3, 60, now() - random() * interval '1 hour' from made`,
      [task.id],
    );
    await work.sql("analyze");
    const worker = await work.registerWorker({ slots: 5, capabilities: { taskTypes: ["bugfix"] } });
    const plan = await work.sql<{ "QUERY PLAN": string }>(`explain ${claimSql}`, [
      ...[worker.id, worker.instanceId, newId(), ["bugfix"], 60_000, newId(), newId()],
      ...[Array.from({ length: 4 }, () => newId()), null],
    ]);
    const lines = plan.map((row) => row["QUERY PLAN"]);
    expect(lines.filter((line) => line.includes("work_orders_claim_idx")).length).toBeGreaterThanOrEqual(3);
    expect(lines.filter((line) => /Seq Scan on (work_orders|tasks)/.test(line))).toEqual([]);
    expect((await work.claim(worker)).status).toBe(204);
    const able = await work.registerWorker({
      slots: 5,
      capabilities: { taskTypes: ["bugfix"], labels: ["gpu"] },
    });
    const claim = await work.mustClaim(able);
    const older = await work.sql(
      `select 1 from work_orders o, work_orders mine
       where mine.id = $1 and o.status = 'pending' and o.work_type = mine.work_type and o.ranked_at < mine.ranked_at`,
      [claim.workOrder.id],
    );
    expect(older).toEqual([]);
  });
});

describe("a waiting claim", () => {
  it("is answered as soon as there is work", async () => {
    const worker = await work.registerWorker();
    const waiting = work.claim(worker, { waitSeconds: 20 });
    await waitUntil(() => work.app.work.claims.waiting() === 1);
    await work.createTask({ title: "fresh" });
    expect((await waiting).body.task.title).toBe("fresh");
  });

  it("is answered when delayed work falls due", async () => {
    const task = await work.createTask({ enqueue: false });
    await work.app.request("POST", "/api/v1/queue/enqueue", { body: { taskId: task.id, delaySeconds: 1 } });
    const worker = await work.registerWorker();
    const askedAtMs = performance.now();
    const claim = await work.claim(worker, { waitSeconds: 20 });
    expect(claim.body.task.id).toBe(task.id);
    // A lease that began 20 s ago and one that begins now look the same to a worker that is not told.
    expect(claim.body.waitedMs).toBeGreaterThan(500);
    expect(claim.body.waitedMs).toBeLessThanOrEqual(performance.now() - askedAtMs);
  });

  it("gets 204 when its time is up", async () => {
    expect((await work.claim(await work.registerWorker(), { waitSeconds: 0.05 })).status).toBe(204);
  });

  it("is answered by work that another backend took in", async () => {
    const database = openDatabase({ url: work.app.databaseUrl });
    const notifications = openNotifications({ database, logger });
    const other = createClaimService({
      requests: { approvedPlan: async () => null },
      database,
      notifications,
      logger,
      leaseMs: 60_000,
      issueAttemptToken: () => "token",
      preAllow: async () => [],
      sweepMs: 3_600_000,
    });
    try {
      await notifications.listening();
      const { id, instanceId } = await work.registerWorker();
      const waiting = other.claim({
        actor: { kind: "user", id: "", userId: "", permissions: [] },
        body: { workerId: id, instanceId, taskTypes: ["bugfix"], labels: [], slots: 1, waitSeconds: 20 },
        idempotencyKey: undefined,
        signal: new AbortController().signal,
      });
      await waitUntil(() => other.waiting() === 1);
      const task = await work.createTask();
      expect((await waiting)?.task.id).toBe(task.id);
    } finally {
      other.stop();
      await notifications.close();
      await database.close();
    }
  });

  it("gets 204 when the server stops", async () => {
    const stopping = await buildWorkFixture();
    const claim = stopping.claim(await stopping.registerWorker(), { waitSeconds: 20 });
    await waitUntil(() => stopping.app.work.claims.waiting() === 1);
    const [answer] = await Promise.all([claim, stopping.close()]);
    expect(answer.status).toBe(204);
  });

  it("and a result whose answers get lost on the way are repeated without a second effect", async () => {
    const proxy = await FaultProxy.start(work.app.url);
    try {
      const task = await work.createTask();
      const { id, instanceId } = await work.registerWorker();
      const send = async (path: string, token: string, body: unknown, key = "") => {
        const answer = await fetch(`${proxy.url}/api/v1/queue/${path}`, {
          method: "POST",
          headers: {
            authorization: `Bearer ${token}`,
            "content-type": "application/json",
            ...(key && { "idempotency-key": key }),
          },
          body: JSON.stringify(body),
        });
        return { status: answer.status, body: (await answer.json()) as Claim };
      };
      const claimBody = { workerId: id, instanceId, taskTypes: ["bugfix"], slots: 1, waitSeconds: 0 };
      const key = newId();
      proxy.cutReplies(2);
      for (let n = 0; n < 2; n += 1) {
        await expect(send("claim", work.app.workerKey, claimBody, key)).rejects.toThrow();
      }
      const { body: claim } = await send("claim", work.app.workerKey, claimBody, key);
      expect(claim.attempt).toBe(1);
      const result = { workOrderId: claim.workOrder.id, attempt: 1, result: await work.runResult(claim) };
      proxy.cutReplies(2);
      for (let n = 0; n < 2; n += 1) {
        await expect(send("complete", claim.attemptToken, result)).rejects.toThrow();
      }
      expect(await send("complete", claim.attemptToken, result)).toMatchObject({
        status: 200,
        body: { taskStatus: "in_review" },
      });
      const history = await work.history(task.id);
      expect(
        history.filter((type) => type === "work_order.claimed" || type === "task.submitted"),
      ).toHaveLength(2);
    } finally {
      await proxy.stop();
    }
  });

  it("is forgotten when the client goes away", async () => {
    const client = new AbortController();
    const claim = work.claim(await work.registerWorker(), { waitSeconds: 20, signal: client.signal });
    await waitUntil(() => work.app.work.claims.waiting() === 1);
    client.abort();
    await expect(claim).rejects.toThrow();
    await waitUntil(() => work.app.work.claims.waiting() === 0);
    const task = await work.createTask();
    expect((await work.getTask(task.id)).status).toBe("queued");
  });
});
