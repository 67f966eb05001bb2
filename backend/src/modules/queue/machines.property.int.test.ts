import {
  type Claim,
  nextStatus,
  type TaskEvent,
  type TaskStatus,
  taskMachine,
  type WorkOrderEvent,
  type WorkOrderStatus,
  workOrderMachine,
} from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
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

const taskEventOf: Record<string, TaskEvent | undefined> = {
  "task.claimed": "claim",
  "task.waiting": "wait",
  "task.requeued": "requeue",
  "task.submitted": "submit",
  "task.completed": "complete",
  "task.rejected": "reject",
  "task.failed": "fail",
  "task.cancelled": "cancel",
};
const orderEventOf: Record<string, WorkOrderEvent | undefined> = {
  "work_order.claimed": "claim",
  "work_order.completed": "complete",
  "work_order.failed": "fail",
  "work_order.cancelled": "cancel",
  "work_order.expired": "expire",
  "work_order.retried": "retry",
  "work_order.released": "release",
  "work_order.parked": "park",
  "work_order.resumed": "resume",
  "work_order.requeued": "requeue",
};

interface Happened {
  type: string;
  work_order_id: string | null;
  attempt: number | null;
  data: { status?: string };
}

/** Replays the history against the tables of the contracts: every step must be one they allow. */
function replay(history: Happened[]): { task: TaskStatus; orders: Map<string, WorkOrderStatus> } {
  let task: TaskStatus = "pending";
  const orders = new Map<string, WorkOrderStatus>();
  for (const { type, work_order_id: orderId, data } of history) {
    const taskEvent: TaskEvent | undefined =
      type === "task.queued" ? (task === "failed" ? "retry" : "enqueue") : taskEventOf[type];
    if (taskEvent !== undefined) {
      const to: TaskStatus | undefined = nextStatus(taskMachine, task, taskEvent);
      expect(to, `${type} of a ${task} task`).toBeDefined();
      task = to ?? task;
    }
    if (orderId === null) continue;
    if (type === "work_order.enqueued") orders.set(orderId, "pending");
    const from = orders.get(orderId) ?? "pending";
    const orderEvent =
      type === "work_order.lease_lost" ? (data.status === "failed" ? "bury" : "lose") : orderEventOf[type];
    if (orderEvent !== undefined) {
      const to = nextStatus(workOrderMachine, from, orderEvent);
      expect(to, `${type} of a ${from} order`).toBeDefined();
      orders.set(orderId, to ?? from);
    }
  }
  return { task, orders };
}

async function checkInvariants({ taskId, worker }: World): Promise<void> {
  const history = await work.sql<Happened>(
    "select type, work_order_id, attempt, data from events where task_id = $1 order by xid, id",
    [taskId],
  );
  const replayed = replay(history);
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
  it("tasks and orders move only as their tables allow, and every attempt is fenced", async () => {
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
      { numRuns: 20, endOnFailure: true },
    );
  }, 120_000);
});
