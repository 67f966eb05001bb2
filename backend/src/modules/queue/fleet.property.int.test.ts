import {
  type Claim,
  type Priority,
  priorities,
  type TaskStatus,
  type WorkOrderStatus,
} from "@agentvine/contracts";
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

interface World {
  workers: TestWorker[];
  taskIds: string[];
  /** Every lease ever handed out; stale ones keep trying. */
  claims: Claim[];
  /** Executions whose result was taken. */
  accepted: Set<string>;
}

/** What something is done to: numbers that are brought into range. */
interface Pick {
  worker: number;
  task: number;
  claim: number;
}

type Act = (world: World, pick: Pick) => Promise<unknown>;

const finish = async (world: World, claim: Claim): Promise<void> => {
  const { status } = await (claim.workOrder.kind === "publish"
    ? work.publish(claim)
    : work.complete(claim, await work.runResult(claim)));
  expect([200, 409]).toContain(status);
  if (status === 200) world.accepted.add(claim.executionId);
};

const claimFor = async (world: World, worker: TestWorker | undefined): Promise<boolean> => {
  if (worker === undefined) return false;
  const { status, body } = await work.claim(worker);
  expect([200, 204]).toContain(status);
  if (status !== 200) return false;
  // An attempt is handed out once, ever.
  const isKnown = world.claims.some((one) => one.task.id === body.task.id && one.attempt === body.attempt);
  expect(isKnown).toBe(false);
  world.claims.push(body);
  return true;
};

const withClaim =
  (act: (claim: Claim, world: World) => Promise<unknown>): Act =>
  async (world, { claim: number }) => {
    // The last few: most of them still hold their lease.
    const recent = world.claims.slice(-5);
    const claim = recent[number % Math.max(1, recent.length)];
    if (claim !== undefined) await act(claim, world);
  };

const onTask =
  (path: string, body: (pick: Pick) => unknown, method = "POST"): Act =>
  async ({ taskIds }, pick) => {
    const id = taskIds[pick.task % taskIds.length];
    const { status } = await work.app.request(method, `/api/v1/tasks/${id}${path}`, { body: body(pick) });
    expect(status).toBeLessThan(500);
  };

const parkClaim = async (claim: Claim): Promise<void> => {
  const { bundleArtifactId } = await work.runResult(claim);
  const id = newId();
  await work.sql(
    `insert into checkpoints (id, task_id, execution_id, attempt, step, driver, base_commit, transcript_artifact_id)
     values ($1, $2, $3, $4, 1, 'builtin', $5, $6)`,
    [id, claim.task.id, claim.executionId, claim.attempt, "a".repeat(40), bundleArtifactId],
  );
  await work.post(claim, "park", { checkpointId: id, reason: "asks" });
};

const resumeParked = async (): Promise<void> => {
  const orders = await work.sql<{ id: string }>("select id from work_orders where status = 'parked'");
  for (const { id } of orders) {
    await work.app.request("POST", "/api/v1/queue/resume", { body: { workOrderId: id, answer: "yes" } });
  }
};

const acts = {
  claim: (world, { worker }) => claimFor(world, world.workers[worker % world.workers.length]),
  complete: withClaim((claim, world) => finish(world, claim)),
  fail: withClaim((claim) => work.fail(claim)),
  failForTheWorld: withClaim((claim) => work.fail(claim, { failure: "infrastructure" })),
  release: withClaim((claim) => work.post(claim, "release", { reason: "drain" })),
  lose: withClaim(async (claim) => {
    await work.expireLease(claim.workOrder.id);
    await reaper.reapLeases();
  }),
  park: withClaim(parkClaim),
  resume: resumeParked,
  beat: async ({ workers, claims }, { worker: number }) => {
    const worker = workers[number % workers.length];
    if (worker === undefined) return;
    const orders = claims.map(({ workOrder, attempt }) => ({ workOrderId: workOrder.id, attempt }));
    expect((await work.heartbeat(worker, { orders })).status).toBe(200);
  },
  cancel: onTask("/cancel", () => ({})),
  retry: onTask("/retry", () => ({})),
  approve: onTask("/review", () => ({ decision: "approve" })),
  reject: onTask("/review", () => ({ decision: "reject", comment: "again" })),
  rank: onTask("", ({ claim }) => ({ priority: claim % 2 ? "low" : "critical" }), "PATCH"),
} satisfies Record<string, Act>;

type ActName = keyof typeof acts;
const weights: Partial<Record<ActName, number>> = { claim: 8, complete: 5, approve: 3, retry: 2 };
const actName = fc.oneof(
  ...(Object.keys(acts) as ActName[]).map((name) => ({
    weight: weights[name] ?? 1,
    arbitrary: fc.constant(name),
  })),
);
const oneAct = fc.record({
  name: actName,
  pick: fc.record({ worker: fc.nat(9), task: fc.nat(9), claim: fc.nat(9) }),
});
/** Steps come one after the other, what is in a step at the same moment. */
const steps = fc.array(fc.array(oneAct, { minLength: 1, maxLength: 4 }), { minLength: 6, maxLength: 14 });
interface PlannedTask {
  permissionLevel: "autonomous" | "supervised";
  priority: Priority;
  waitsFor: number[];
}
const plannedTask: fc.Arbitrary<PlannedTask> = fc.record({
  permissionLevel: fc.constantFrom("autonomous" as const, "autonomous" as const, "supervised" as const),
  priority: fc.constantFrom(...priorities),
  waitsFor: fc.array(fc.nat(9), { maxLength: 2 }),
});

async function setUp(slots: readonly number[], planned: readonly PlannedTask[]): Promise<World> {
  const workers = await Promise.all(slots.map((count) => work.registerWorker({ slots: count })));
  const taskIds: string[] = [];
  for (const { waitsFor, ...task } of planned) {
    const earlier = taskIds.length === 0 ? [] : waitsFor.map((n) => String(taskIds[n % taskIds.length]));
    taskIds.push((await work.createTask({ ...task, dependsOn: [...new Set(earlier)] })).id);
  }
  return { workers, taskIds, claims: [], accepted: new Set() };
}

/** What must be true at any moment between two steps. */
async function checkMoment({ workers }: World): Promise<void> {
  const crowded = await work.sql(
    `select task_id from work_orders where status in ('pending', 'claimed', 'parked')
     group by task_id having count(*) > 1`,
  );
  expect(crowded, "tasks with two live orders").toEqual([]);
  const early = await work.sql(
    `select t.id, t.status, u.status as waited_for from task_dependencies d
     join tasks t on t.id = d.task_id join tasks u on u.id = d.depends_on_task_id
     where t.status not in ('pending', 'blocked', 'cancelled') and u.status <> 'completed'`,
  );
  expect(early, "tasks that started before what they wait for was done").toEqual([]);
  const miscounted = await work.sql(
    `select w.active_count, w.max_concurrent_tasks, w.status, held.orders, held.executions, held.assignments
     from workers w cross join lateral (select
       (select count(*)::int from work_orders o where o.status = 'claimed' and o.worker_id = w.id) as orders,
       (select count(*)::int from executions e where e.status = 'running' and e.worker_id = w.id) as executions,
       (select count(*)::int from worker_assignments a where a.status = 'active' and a.worker_id = w.id) as assignments
     ) held
     where w.id = any($1::uuid[]) and (
       w.active_count <> held.orders or w.active_count <> held.executions or w.active_count <> held.assignments
       or w.active_count > w.max_concurrent_tasks
       or w.status <> case when held.orders > 0 then 'busy' else 'idle' end)`,
    [workers.map(({ id }) => id)],
  );
  expect(miscounted, "workers whose slots are not what they hold").toEqual([]);
  const idle = await work.sql(
    `select t.id, t.status from tasks t where t.status in ('queued', 'in_progress', 'waiting')
     and not exists (select from work_orders o where o.task_id = t.id and o.status in ('pending', 'claimed', 'parked'))`,
  );
  expect(idle, "tasks that wait for nothing that could come").toEqual([]);
}

const roundsMax = 60;

/** Lets everything that can still happen happen, in good order. */
async function settle(world: World): Promise<void> {
  await work.sql(
    "update work_orders set lease_expires_at = now() - interval '1 second' where status = 'claimed'",
  );
  await reaper.reapLeases();
  for (let round = 0; round < roundsMax; round += 1) {
    await resumeParked();
    for (const id of world.taskIds) {
      await work.app.request("POST", `/api/v1/tasks/${id}/review`, { body: { decision: "approve" } });
    }
    const before = world.claims.length;
    for (const worker of world.workers) await claimFor(world, worker);
    const taken = world.claims.slice(before);
    if (taken.length === 0) return;
    for (const claim of taken) await finish(world, claim);
  }
  throw new Error(`still not settled after ${roundsMax} rounds`);
}

/** What the whole history must say in the end. */
async function checkEnd(world: World): Promise<void> {
  const tasks = await work.sql<{ id: string; status: TaskStatus; attempt: number; is_stuck: boolean }>(
    `select id, status, attempt, status = 'blocked' and not exists (
       select from task_dependencies d join tasks u on u.id = d.depends_on_task_id
       where d.task_id = t.id and u.status <> 'completed') as is_stuck from tasks t`,
  );
  for (const task of tasks) {
    expect(["completed", "failed", "cancelled", "blocked"]).toContain(task.status);
    expect(task.is_stuck, "a task that waits for what is done").toBe(false);
    const history = await work.sql<HistoryRow>(
      "select type, work_order_id, data from events where task_id = $1 order by xid, id",
      [task.id],
    );
    const replayed = replayHistory(history);
    expect(replayed.illegal).toEqual([]);
    expect(replayed.task).toBe(task.status);
    const orders = await work.sql<{ id: string; status: WorkOrderStatus }>(
      "select id, status from work_orders where task_id = $1",
      [task.id],
    );
    expect(new Map(orders.map(({ id, status }) => [id, status]))).toEqual(replayed.orders);
    const attempts = world.claims.filter((claim) => claim.task.id === task.id).map(({ attempt }) => attempt);
    expect(attempts.sort((a, b) => a - b)).toEqual(Array.from({ length: task.attempt }, (_, n) => n + 1));
  }
  const succeeded = await work.sql<{ id: string }>("select id from executions where status = 'succeeded'");
  expect(new Set(succeeded.map(({ id }) => id))).toEqual(world.accepted);
}

describe("several workers on several tasks that wait for each other", () => {
  it(
    "never hold a task twice, start one early, take more than their slots or leave one behind",
    async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.integer({ min: 1, max: 2 }), { minLength: 2, maxLength: 3 }),
          fc.array(plannedTask, { minLength: 3, maxLength: 6 }),
          steps,
          async (slots, planned, moments) => {
            const world = await setUp(slots, planned);
            try {
              for (const moment of moments) {
                await Promise.all(moment.map(({ name, pick }) => acts[name](world, pick)));
                await checkMoment(world);
              }
              await settle(world);
              await checkMoment(world);
              await checkEnd(world);
            } finally {
              await work.sql("delete from tasks");
            }
          },
        ),
        propertyRuns(8, { isSlow: true }),
      );
    },
    propertyTimeoutMs(120_000),
  );
});
