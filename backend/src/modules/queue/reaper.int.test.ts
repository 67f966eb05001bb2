import { newId } from "@agentvine/kit";
import { waitUntil } from "@agentvine/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { buildWorkFixture, type TestWorker, type WorkFixture } from "../../testing/work-fixture.ts";
import { createReaperService } from "./reaper.service.ts";
import { defaultRetryPolicy } from "./retry-policy.ts";

let work: WorkFixture;
let worker: TestWorker;
/** Here nothing is swept but by the test. */
let calm: WorkFixture;
let calmWorker: TestWorker;
let reaper: ReturnType<typeof createReaperService>;
beforeAll(async () => {
  work = await buildWorkFixture({ leaseSeconds: 2, heartbeatSeconds: 1 });
  calm = await buildWorkFixture({ leaseSeconds: 3_600, heartbeatSeconds: 600 });
  await calm.app.work.sweeps.stop();
  reaper = createReaperService({ db: calm.app.database.db, retry: defaultRetryPolicy });
});
afterAll(() => Promise.all([work.close(), calm.close()]));
beforeEach(async () => {
  await work.sql("delete from tasks");
  await calm.sql("delete from tasks");
  worker = await work.registerWorker({ slots: 20 });
  calmWorker = await calm.registerWorker({ slots: 20 });
});

const statusOf = async (taskId: string) => (await work.getTask(taskId)).status;

describe("a lost worker", () => {
  it("loses its lease by itself, and another finishes the task once", async () => {
    const task = await work.createTask();
    const lost = await work.mustClaim(worker);
    const other = await work.registerWorker();
    const claim = await work.mustClaim(other, { waitSeconds: 20 });
    expect(claim).toMatchObject({
      attempt: 2,
      workOrder: { id: lost.workOrder.id, lostLeases: 1 },
      task: { id: task.id },
    });
    expect((await work.complete(claim)).status).toBe(200);
    expect((await work.complete(lost)).status).toBe(409);
    expect((await work.history(task.id)).filter((type) => type === "task.submitted")).toHaveLength(1);
    const executions = await work.sql("select attempt, status from executions order by attempt");
    expect(executions).toEqual([
      { attempt: 1, status: "lost" },
      { attempt: 2, status: "succeeded" },
    ]);
    const [{ active_count } = { active_count: -1 }] = await work.sql<{ active_count: number }>(
      "select active_count from workers where id = $1",
      [worker.id],
    );
    expect(active_count).toBe(0);
  });

  it("three times in a row makes the order a dead letter; others flow, and a person can take it up again", async () => {
    const poison = await work.createTask({ title: "poison" });
    for (let round = 1; round <= 3; round += 1) {
      await work.heartbeat(worker);
      const claim = await work.mustClaim(worker);
      expect(claim.task.id).toBe(poison.id);
      await work.expireLease(claim.workOrder.id);
      await waitUntil(async () => (await statusOf(poison.id)) !== "in_progress");
    }
    const failed = await work.getTask(poison.id);
    expect(failed).toMatchObject({
      status: "failed",
      attempt: 3,
      result: { outcome: "lost", failure: "infrastructure" },
    });
    expect(failed.statusReason).toMatch(/^worker_lost/);
    expect((await work.claim(worker)).status).toBe(204);
    const fine = await work.createTask({ title: "fine" });
    expect((await work.complete(await work.mustClaim(worker))).status).toBe(200);
    expect(await statusOf(fine.id)).toBe("in_review");
    const dead = await work.app.request<{ items: { id: string; errorMessage: string }[] }>(
      "GET",
      "/api/v1/queue/orders?isDeadLetter=true",
    );
    expect(dead.body.items).toHaveLength(1);
    expect(dead.body.items[0]?.errorMessage).toMatch(/worker_lost/);
    const status = await work.app.request("GET", "/api/v1/queue/status");
    expect(status.body).toMatchObject({ deadLetters: 1 });
    const requeue = () =>
      work.app.request("POST", "/api/v1/queue/requeue", { body: { workOrderId: dead.body.items[0]?.id } });
    expect((await requeue()).body).toMatchObject({ status: "pending", lostLeases: 0 });
    expect((await requeue()).status).toBe(409);
    expect((await work.mustClaim(worker)).attempt).toBe(4);
  });

  it("while it pushed leaves the task where it was, and a third time fails it without losing the result", async () => {
    const task = await work.createTask({ permissionLevel: "autonomous" });
    await work.complete(await work.mustClaim(worker));
    for (let round = 1; round <= 3; round += 1) {
      const push = await work.mustClaim(worker, { waitSeconds: 20 });
      expect(push.task.status).toBe("in_progress");
      await work.expireLease(push.workOrder.id);
      await waitUntil(async () => {
        const [order] = await work.sql<{ status: string }>("select status from work_orders where id = $1", [
          push.workOrder.id,
        ]);
        return order?.status !== "claimed";
      });
    }
    expect(await work.getTask(task.id)).toMatchObject({
      status: "failed",
      result: { outcome: "failed", failure: "infrastructure", verification: "passed" },
    });
  });
});

describe("a heartbeat", () => {
  it("keeps the lease, for its whole length from now on by database time", async () => {
    await calm.createTask();
    const claim = await calm.mustClaim(calmWorker);
    const orders = [{ workOrderId: claim.workOrder.id, attempt: 1 }];
    for (let round = 0; round < 3; round += 1) {
      // Over, but not taken back yet: the worker is still the only one who has it.
      await calm.expireLease(claim.workOrder.id);
      const { body } = await calm.heartbeat(calmWorker, { orders });
      expect(body).toMatchObject({ renewed: [{ ...orders[0], leaseMs: 3_600_000 }], lost: [] });
      const [order] = await calm.sql(
        "select lease_expires_at > now() + interval '3500 seconds' and lease_expires_at <= now() + interval '3600 seconds' as is_whole from work_orders",
      );
      expect(order).toEqual({ is_whole: true });
      expect(await reaper.reapLeases()).toBe(0);
    }
    expect((await calm.complete(claim)).status).toBe(200);
  });

  it("lists what is lost: another attempt, an order of another process, one that ended", async () => {
    for (let n = 0; n < 3; n += 1) await work.createTask();
    const [ended, mine, older] = [
      await work.mustClaim(worker),
      await work.mustClaim(worker),
      await work.mustClaim(worker),
    ];
    await work.complete(ended);
    const refs = [
      { workOrderId: ended.workOrder.id, attempt: 1 },
      { workOrderId: mine.workOrder.id, attempt: 1 },
      { workOrderId: older.workOrder.id, attempt: 7 },
      { workOrderId: newId(), attempt: 1 },
    ];
    const { body } = await work.heartbeat(worker, { orders: refs });
    expect(body).toMatchObject({
      renewed: [{ workOrderId: mine.workOrder.id }],
      lost: [refs[0], refs[2], refs[3]],
    });
    const stranger = await work.registerWorker();
    expect((await work.heartbeat(stranger, { orders: [refs[1]] })).body).toMatchObject({
      renewed: [],
      lost: [refs[1]],
    });
  });
});

describe("the reaper", () => {
  it("and a completion leave exactly one outcome, whichever comes first", async () => {
    for (let round = 0; round < 10; round += 1) {
      const task = await calm.createTask();
      const claim = await calm.mustClaim(calmWorker);
      const result = await calm.runResult(claim);
      await calm.expireLease(claim.workOrder.id);
      const [done, reaped] = await Promise.all([
        calm.complete(claim, result),
        ...Array.from({ length: 3 }, () => reaper.reapLeases()),
      ]);
      const isDone = done.status === 200;
      expect(done.status).toBe(isDone ? 200 : 409);
      expect(reaped).toBeLessThanOrEqual(1);
      const history = await calm.history(task.id);
      expect(history.filter((type) => type === "work_order.completed")).toHaveLength(isDone ? 1 : 0);
      expect(history.filter((type) => type === "work_order.lease_lost")).toHaveLength(isDone ? 0 : 1);
      expect((await calm.getTask(task.id)).status).toBe(isDone ? "in_review" : "queued");
      await calm.sql("delete from tasks");
    }
  });

  it("leaves a lease alone that is renewed in a transaction still open, and after its commit", async () => {
    await calm.createTask();
    const claim = await calm.mustClaim(calmWorker);
    await calm.expireLease(claim.workOrder.id);
    const client = await calm.app.database.pool.connect();
    try {
      await client.query("begin");
      await client.query(
        "update work_orders set lease_expires_at = now() + interval '60 seconds' where id = $1",
        [claim.workOrder.id],
      );
      expect(await reaper.reapLeases()).toBe(0);
      await client.query("commit");
    } finally {
      client.release();
    }
    expect(await reaper.reapLeases()).toBe(0);
    expect((await calm.complete(claim)).status).toBe(200);
  });

  it("takes many back at once, each once, beside another reaper", async () => {
    for (let n = 0; n < 12; n += 1) await calm.createTask();
    const claims = await Promise.all(Array.from({ length: 12 }, () => calm.mustClaim(calmWorker)));
    await calm.sql("update work_orders set lease_expires_at = now() - interval '1 second'");
    const counts = await Promise.all([reaper.reapLeases(), reaper.reapLeases(), reaper.reapLeases()]);
    expect(counts.reduce((sum, count) => sum + count)).toBe(claims.length);
    const orders = await calm.sql("select distinct status, lost_leases, worker_id from work_orders");
    expect(orders).toEqual([{ status: "pending", lost_leases: 1, worker_id: null }]);
    expect((await calm.app.work.workers.get(calmWorker.id)).activeCount).toBe(0);
  });
});

describe("a queued order", () => {
  it("that nobody claimed in time is given up, and its task says so", async () => {
    const task = await work.createTask({ enqueue: false });
    await work.app.request("POST", "/api/v1/queue/enqueue", {
      body: { taskId: task.id, expiresInSeconds: 1 },
    });
    await waitUntil(async () => (await statusOf(task.id)) === "failed");
    expect((await work.getTask(task.id)).statusReason).toMatch(/^expired/);
    const orders = await work.app.request("GET", `/api/v1/queue/orders?taskId=${task.id}&status=expired`);
    expect(orders.body).toMatchObject({ total: 1 });
    const retried = await work.app.request("POST", `/api/v1/tasks/${task.id}/retry`, { body: {} });
    expect(retried.body).toMatchObject({ status: "queued", statusReason: "" });
    expect((await work.mustClaim(worker)).task.id).toBe(task.id);
  });
});

describe("clocks", () => {
  it("of the backend and the worker do not matter: only the database's counts", async () => {
    const skewed = await buildWorkFixture();
    const realNow = Date.now;
    try {
      Date.now = () => realNow() + 3_600_000;
      await skewed.createTask();
      const claim = await skewed.mustClaim(await skewed.registerWorker());
      expect(claim.leaseMs).toBeGreaterThan(50_000);
      Date.now = () => realNow() - 3_600_000;
      expect((await skewed.complete(claim)).status).toBe(200);
    } finally {
      Date.now = realNow;
      await skewed.close();
    }
  });
});
