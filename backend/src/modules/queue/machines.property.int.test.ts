import type { Claim, TaskStatus, WorkOrderStatus } from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import { propertyRuns, propertyTimeoutMs } from "@agentvine/testkit";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type HistoryRow, replayHistory } from "../../testing/history-replay.ts";
import { buildWorkFixture, type TestWorker, type WorkFixture } from "../../testing/work-fixture.ts";
import { createReaperService } from "./reaper.service.ts";
import { defaultRetryPolicy } from "./retry-policy.ts";

let work: WorkFixture;
let reaper: ReturnType<typeof createReaperService>;
beforeAll(async () => {
  work = await buildWorkFixture({ leaseSeconds: 3_600, heartbeatSeconds: 600 });
  await work.app.work.sweeps.stop();
  reaper = createReaperService({ db: work.app.database.db, retry: defaultRetryPolicy });
});
afterAll(() => work.close());

const actions = [
  "claim",
  "claim",
  "claim",
  "complete",
  "complete",
  "fail",
  "fail_world",
  "release",
  "lose",
  "reap",
  "expire",
  "cancel",
  "retry",
  "approve",
  "reject",
  "park",
  "resume",
  "priority",
] as const;
type Action = (typeof actions)[number];

interface World {
  taskId: string;
  worker: TestWorker;
  /** Every lease ever handed out; stale ones keep trying. */
  claims: Claim[];
}

async function act(world: World, action: Action, pick: number): Promise<void> {
  const { taskId, worker, claims } = world;
  const claim = claims[claims.length - 1 - (pick % Math.max(1, Math.min(claims.length, 2)))];
  const post = (path: string, body: unknown) =>
    work.app.request("POST", `/api/v1/tasks/${taskId}/${path}`, { body });
  const finish = async (one: Claim) =>
    one.workOrder.kind === "publish"
      ? await work.publish(one)
      : await work.complete(one, await work.runResult(one));
  const taskActions: Partial<Record<Action, () => Promise<unknown>>> = {
    claim: async () => {
      const { status, body } = await work.claim(worker);
      if (status === 200) claims.push(body);
    },
    reap: () => reaper.reapLeases(),
    expire: async () => {
      await work.sql(
        "update work_orders set expires_at = now() where task_id = $1 and status in ('pending', 'parked')",
        [taskId],
      );
      await reaper.expireOrders();
    },
    cancel: () => post("cancel", {}),
    retry: () => post("retry", {}),
    approve: () => post("review", { decision: "approve" }),
    reject: () => post("review", { decision: "reject", comment: "again" }),
    priority: () =>
      work.app.request("PATCH", `/api/v1/tasks/${taskId}`, {
        body: { priority: pick % 2 ? "low" : "critical" },
      }),
    resume: async () => {
      const [order] = await work.sql<{ id: string }>(
        "select id from work_orders where task_id = $1 and status = 'parked'",
        [taskId],
      );
      if (order)
        await work.app.request("POST", "/api/v1/queue/resume", {
          body: { workOrderId: order.id, answer: "yes" },
        });
    },
  };
  const leaseActions: Partial<Record<Action, (one: Claim) => Promise<unknown>>> = {
    complete: finish,
    fail: (one) => work.fail(one),
    fail_world: (one) => work.fail(one, { failure: "infrastructure" }),
    release: (one) => work.post(one, "release", { reason: "drain" }),
    lose: (one) => work.expireLease(one.workOrder.id),
    park: async (one) => work.post(one, "park", { checkpointId: await checkpointOf(one), reason: "asks" }),
  };
  await taskActions[action]?.();
  if (claim !== undefined) {
    await leaseActions[action]?.(claim);
  }
}

async function checkpointOf(claim: Claim): Promise<string> {
  const result = await work.runResult(claim);
  const id = newId();
  await work.sql(
    `insert into checkpoints (id, task_id, execution_id, attempt, step, driver, base_commit, transcript_artifact_id)
     values ($1, $2, $3, $4, 1, 'builtin', $5, $6)`,
    [id, claim.task.id, claim.executionId, claim.attempt, "a".repeat(40), result.bundleArtifactId],
  );
  return id;
}

async function checkInvariants({ taskId, worker }: World): Promise<void> {
  const history = await work.sql<HistoryRow>(
    "select type, work_order_id, data from events where task_id = $1 order by xid, id",
    [taskId],
  );
  const replayed = replayHistory(history);
  expect(replayed.illegal).toEqual([]);
  const [task] = await work.sql<{ status: TaskStatus; attempt: number }>(
    "select status, attempt from tasks where id = $1",
    [taskId],
  );
  expect(replayed.task).toBe(task?.status);
  const orders = await work.sql<{ id: string; status: WorkOrderStatus; attempt: number }>(
    "select id, status, attempt from work_orders where task_id = $1",
    [taskId],
  );
  expect(new Map(orders.map(({ id, status }) => [id, status]))).toEqual(replayed.orders);
  expect(
    orders.filter(({ status }) => ["pending", "claimed", "parked"].includes(status)).length,
  ).toBeLessThanOrEqual(1);
  // Each claim has its own number, given in order and never again; only the latest may still run.
  const executions = await work.sql<{ attempt: number; status: string }>(
    "select attempt, status from executions where task_id = $1 order by attempt",
    [taskId],
  );
  expect(executions.map(({ attempt }) => attempt)).toEqual(executions.map((_, index) => index + 1));
  expect(executions).toHaveLength(task?.attempt ?? -1);
  const running = executions.filter(({ status }) => status === "running");
  const claimed = orders.filter(({ status }) => status === "claimed");
  expect(running.map(({ attempt }) => attempt)).toEqual(claimed.map(({ attempt }) => attempt));
  const [slots] = await work.sql<{ active_count: number; status: string }>(
    "select active_count, status from workers where id = $1",
    [worker.id],
  );
  expect(slots).toEqual({ active_count: claimed.length, status: claimed.length > 0 ? "busy" : "idle" });
  const active = await work.sql(
    "select 1 from worker_assignments a join work_orders o on o.id = a.work_order_id where o.task_id = $1 and a.status = 'active'",
    [taskId],
  );
  expect(active).toHaveLength(claimed.length);
}

describe("whatever happens in whatever order", () => {
  it(
    "tasks and orders move only as their tables allow, and every attempt is fenced",
    async () => {
      const step = fc.record({
        action: fc.constantFrom(...actions),
        pick: fc.nat(3),
        // A second thing at the same moment, now and then.
        beside: fc.option(fc.constantFrom(...actions), { freq: 3 }),
      });
      await fc.assert(
        fc.asyncProperty(
          fc.array(step, { minLength: 4, maxLength: 16 }),
          fc.constantFrom("autonomous", "supervised"),
          async (steps, permissionLevel) => {
            const worker = await work.registerWorker({ slots: 3 });
            const task = await work.createTask({ permissionLevel });
            const world: World = { taskId: task.id, worker, claims: [] };
            try {
              for (const { action, pick, beside } of steps) {
                await Promise.all([
                  act(world, action, pick),
                  ...(beside === null ? [] : [act(world, beside, pick + 1)]),
                ]);
              }
              await checkInvariants(world);
            } finally {
              await work.sql("delete from tasks");
            }
          },
        ),
        propertyRuns(20, { isSlow: true }),
      );
    },
    propertyTimeoutMs(120_000),
  );
});
