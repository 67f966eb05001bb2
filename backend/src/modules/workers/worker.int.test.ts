import {
  type Worker,
  type WorkerCommand,
  type WorkerHeartbeatReply,
  type WorkerRegistered,
  workerProtocol,
} from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import { waitUntil } from "@agentvine/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { buildWorkFixture, type TestWorker, type WorkFixture } from "../../testing/work-fixture.ts";
import { createCommandService } from "./command.service.ts";

let work: WorkFixture;
beforeAll(async () => {
  work = await buildWorkFixture();
});
afterAll(() => work.close());
beforeEach(() => work.sql("delete from tasks"));

const metrics = {
  loadAverage: 0.5,
  memoryUsedBytes: 1_000,
  memoryTotalBytes: 2_000,
  diskFreeBytes: 3_000_000_000,
  supervisorRssBytes: 100,
};
const read = async (worker: TestWorker) =>
  (await work.app.request<Worker>("GET", `/api/v1/workers/${worker.id}`)).body;
const beat = async (worker: TestWorker, body: Record<string, unknown> = {}) =>
  (await work.heartbeat(worker, body)).body as WorkerHeartbeatReply;
const admin = <T = Worker>(method: string, path: string, body?: unknown) =>
  work.app.request<T & { error?: { code: string } }>(
    method,
    `/api/v1/workers${path.startsWith("?") ? "" : "/"}${path}`,
    body === undefined ? {} : { body },
  );
const poll = async (worker: TestWorker, query = "", token = work.app.workerKey) =>
  await work.app.request<{ items: WorkerCommand[]; error?: { code: string } }>(
    "GET",
    `/api/v1/workers/${worker.id}/commands?instanceId=${worker.instanceId}${query}`,
    { token },
  );

describe("registering", () => {
  it("makes a worker with what it can do and says how to keep its leases", async () => {
    const worker = await work.registerWorker({
      capabilities: { taskTypes: ["docs"], labels: ["gpu"], toolchains: { node: "20.20.2" } },
    });
    expect(worker.registered).toMatchObject({
      heartbeatMs: 15_000,
      leaseMs: 60_000,
      worker: { workerType: "docs", status: "idle", activeCount: 0, capabilities: { labels: ["gpu"] } },
    });
    const rows = await work.sql(
      "select kind, value from worker_capabilities where worker_id = $1 order by 1, 2",
      [worker.id],
    );
    expect(rows).toContainEqual({ kind: "task_type", value: "docs" });
    expect(rows).toContainEqual({ kind: "label", value: "gpu" });
    expect((await read(worker)).name).toBe(worker.name);
  });

  it("takes a worker of another version that says more than this backend knows, and refuses one whose protocol is too old", async () => {
    const body = {
      name: "other",
      instanceId: newId(),
      version: "99.0.0",
      maxConcurrentTasks: 1,
      fromTheFuture: { deep: true },
      capabilities: {
        taskTypes: ["docs"],
        agents: [{ driver: "command", model: null, temper: "calm" }],
        sandbox: { driver: "none", isConfined: false },
        holograms: 3,
      },
    };
    const register = (extra: object) =>
      work.app.request<WorkerRegistered & { error?: { code: string; message: string } }>(
        "POST",
        "/api/v1/workers",
        {
          body: { ...body, ...extra },
          token: work.app.workerKey,
        },
      );
    // One of before there were numbers, this one's, and a newer one: it decides itself whether it understands us.
    for (const extra of [{}, { protocol: workerProtocol.current }, { protocol: 99 }]) {
      const { status, body: answer } = await register(extra);
      expect([status, answer.protocol]).toEqual([201, workerProtocol.current]);
    }
    const { status, body: refused } = await register({
      protocol: workerProtocol.oldest - 1,
      version: "0.0.1",
    });
    expect([status, refused.error?.code]).toEqual([409, "worker.protocol_unsupported"]);
    expect(refused.error?.message).toMatch(
      /other is of version 0\.0\.1 and speaks protocol 0; .* Install version \S+ for the worker\.$/,
    );
  });

  it("again under the same name takes the row over with free slots and new capabilities", async () => {
    const task = await work.createTask();
    const old = await work.registerWorker({ name: "phoenix", slots: 1 });
    const claim = await work.mustClaim(old);
    const next = await work.registerWorker({
      name: "phoenix",
      slots: 1,
      capabilities: { taskTypes: ["docs"] },
    });
    expect(next.id).toBe(old.id);
    expect(await read(next)).toMatchObject({ workerType: "docs", activeCount: 0, status: "idle" });
    const told = await work.heartbeat(old);
    expect([told.status, told.body]).toMatchObject([409, { error: { code: "worker.superseded" } }]);
    expect((await poll(old)).body.error?.code).toBe("worker.superseded");
    // The result of the process before is still taken while its lease holds, and frees no slot of the new one.
    await work.createTask({ type: "docs" });
    await work.mustClaim(next);
    expect((await work.complete(claim)).status).toBe(200);
    expect((await read(next)).activeCount).toBe(1);
    expect((await work.getTask(task.id)).status).toBe("in_review");
  });

  it("repeated by the same process changes nothing of what it holds", async () => {
    await work.createTask();
    const worker = await work.registerWorker({ slots: 2 });
    await work.mustClaim(worker);
    await work.registerWorker({ name: worker.name, instanceId: worker.instanceId, slots: 2 });
    expect(await read(worker)).toMatchObject({ activeCount: 1, status: "busy" });
  });
});

describe("a worker's key", () => {
  it("works for the workers that registered with it and for no other", async () => {
    const worker = await work.registerWorker();
    const key = await work.app.request<{ secret: string }>("POST", "/api/v1/api-keys", {
      body: { name: "other", permissions: ["worker:register", "worker:work"] },
    });
    const token = key.body.secret;
    const body = { instanceId: worker.instanceId, orders: [] };
    const beaten = await work.app.request("POST", `/api/v1/workers/${worker.id}/heartbeat`, { token, body });
    expect([beaten.status, beaten.body]).toMatchObject([403, { error: { code: "auth.forbidden" } }]);
    expect((await poll(worker, "", token)).status).toBe(403);
    const claimed = await work.app.request("POST", "/api/v1/queue/claim", {
      token,
      body: {
        workerId: worker.id,
        instanceId: worker.instanceId,
        taskTypes: ["docs"],
        slots: 1,
        waitSeconds: 0,
      },
    });
    expect(claimed.status).toBe(403);
    expect((await work.app.request("DELETE", `/api/v1/workers/${worker.id}`, { token })).status).toBe(403);
  });
});

describe("a heartbeat", () => {
  it("tells how the worker is: faulty, recovered, idle, busy", async () => {
    const worker = await work.registerWorker();
    await beat(worker, { fault: "disk full" });
    expect(await read(worker)).toMatchObject({ status: "error", statusReason: "disk full" });
    await work.createTask();
    expect((await work.claim(worker)).status).toBe(204);
    await beat(worker);
    expect(await read(worker)).toMatchObject({ status: "idle", statusReason: "" });
    await work.mustClaim(worker);
    await beat(worker);
    expect((await read(worker)).status).toBe("busy");
  });

  it("keeps the load once a minute", async () => {
    const worker = await work.registerWorker();
    for (let n = 0; n < 3; n += 1) await beat(worker, { metrics });
    expect((await read(worker)).metrics).toEqual(metrics);
    const series = await admin<{ items: unknown[] }>("GET", `${worker.id}/metrics`);
    expect(series.body.items).toMatchObject([
      { activeCount: 0, loadAverage: 0.5, diskFreeBytes: 3_000_000_000 },
    ]);
    await work.sql(
      "update worker_samples set sampled_at = sampled_at - interval '61 seconds' where worker_id = $1",
      [worker.id],
    );
    await beat(worker, { metrics: { ...metrics, loadAverage: 2 } });
    const two = await admin<{ items: { loadAverage: number }[] }>("GET", `${worker.id}/metrics?limit=5`);
    expect(two.body.items.map(({ loadAverage }) => loadAverage)).toEqual([0.5, 2]);
  });

  it("of an unknown worker asks it to register", async () => {
    const worker = await work.registerWorker();
    for (const answer of [
      await work.heartbeat({ ...worker, id: newId() }),
      await poll({ ...worker, id: newId() }),
    ]) {
      expect([answer.status, answer.body]).toMatchObject([404, { error: { code: "worker.not_found" } }]);
    }
  });
});

describe("commands", () => {
  it("reach the worker's poll at once, come again with each heartbeat, and stop when acknowledged", async () => {
    const worker = await work.registerWorker();
    const waiting = poll(worker, "&waitSeconds=20");
    await admin("POST", `${worker.id}/drain`, { reason: "deploy" });
    const { items } = (await waiting).body;
    expect(items).toMatchObject([{ type: "drain", reason: "deploy", workOrderId: null }]);
    const position = items[0]?.position ?? 0;
    expect((await beat(worker)).commands).toEqual(items);
    expect((await poll(worker, `&after=${position}&waitSeconds=0`)).body.items).toEqual([]);
    expect((await beat(worker, { commandsSeen: position })).commands).toEqual([]);
    expect((await poll(worker, "&waitSeconds=0.05")).body.items).toEqual([]);
  });

  it("are for the process they were meant for, not for its successor", async () => {
    const worker = await work.registerWorker();
    await admin("POST", `${worker.id}/drain`, {});
    const next = await work.registerWorker({ name: worker.name });
    expect((await beat(next)).commands).toEqual([]);
    expect(await read(next)).toMatchObject({ status: "idle" });
  });
});

describe("a poll for commands", () => {
  it("leaves nobody waiting once it is answered or refused", async () => {
    const { database, notifications } = work.app;
    const commands = createCommandService({ db: database.db, notifications });
    const worker = await work.registerWorker();
    await admin("POST", `${worker.id}/drain`, {});
    const { signal } = new AbortController();
    const actor = { kind: "user", id: "", userId: "", permissions: [] } as const;
    const at = { actor, instanceId: worker.instanceId, after: 0, waitMs: 50_000, signal };
    expect(await commands.poll({ ...at, workerId: worker.id })).toHaveLength(1);
    await expect(commands.poll({ ...at, workerId: newId() })).rejects.toThrow("no worker");
    expect(commands.waiting()).toBe(0);
    commands.stop();
  });
});

describe("draining", () => {
  it("keeps new work away until the worker registers again", async () => {
    await work.createTask();
    const worker = await work.registerWorker();
    const drained = await admin("POST", `${worker.id}/drain`, { reason: "deploy" });
    expect(drained.body).toMatchObject({ status: "draining", statusReason: "deploy" });
    expect((await admin("POST", `${worker.id}/drain`, {})).body).toMatchObject({
      status: "draining",
      statusReason: "deploy",
    });
    await beat(worker);
    expect(await read(worker)).toMatchObject({ status: "draining", statusReason: "deploy" });
    expect((await work.claim(worker)).status).toBe(204);
    const next = await work.registerWorker({ name: worker.name });
    expect((await work.claim(next)).status).toBe(200);
  });
});

describe("deregistering", () => {
  it("is refused while the worker holds work, unless forced: then the work goes back at once", async () => {
    const task = await work.createTask();
    const worker = await work.registerWorker();
    const claim = await work.mustClaim(worker);
    const refused = await admin("DELETE", worker.id);
    expect([refused.status, refused.body.error?.code]).toEqual([409, "worker.live"]);
    expect((await read(worker)).status).toBe("busy");
    expect((await admin("DELETE", `${worker.id}?force=true`)).status).toBe(204);
    expect((await work.complete(claim)).status).toBe(409);
    const again = await work.mustClaim(await work.registerWorker());
    expect(again).toMatchObject({ attempt: 2, task: { id: task.id }, workOrder: { lostLeases: 0 } });
    expect((await admin("GET", worker.id)).status).toBe(404);
    expect((await admin("DELETE", worker.id)).status).toBe(404);
    expect((await work.claim(worker)).status).toBe(404);
    const list = await admin<{ items: Worker[] }>("GET", "?pageSize=100");
    expect(list.body.items.map(({ id }) => id)).not.toContain(worker.id);
    expect((await work.registerWorker({ name: worker.name })).id).toBe(worker.id);
  });

  it("by force leaves a process that registers again all its slots", async () => {
    await work.createTask();
    const worker = await work.registerWorker({ slots: 1 });
    await work.mustClaim(worker);
    expect((await admin("DELETE", `${worker.id}?force=true`)).status).toBe(204);
    const again = await work.registerWorker({ name: worker.name, instanceId: worker.instanceId });
    expect(again.registered.worker).toMatchObject({ status: "idle", activeCount: 0 });
    await work.mustClaim(again);
  });
});

describe("the list", () => {
  it("is by name, in pages, by status", async () => {
    await work.sql("update workers set deregistered_at = now()");
    for (const name of ["c", "a", "b"]) await work.registerWorker({ name });
    const first = await admin<{ items: Worker[]; total: number; pages: number }>("GET", "?pageSize=2");
    expect(first.body).toMatchObject({ total: 3, pages: 2 });
    expect(first.body.items.map(({ name }) => name)).toEqual(["a", "b"]);
    const busy = await admin<{ items: Worker[] }>("GET", "?status=busy,offline");
    expect(busy.body.items).toEqual([]);
  });
});

describe("a worker that falls silent", () => {
  it("is offline after three missed heartbeats and idle again with the next", async () => {
    const quick = await buildWorkFixture({ leaseSeconds: 2, heartbeatSeconds: 1 });
    try {
      const worker = await quick.registerWorker();
      const status = async () => (await quick.app.work.workers.get(worker.id)).status;
      await quick.sql("update workers set last_heartbeat_at = now() - interval '2500 milliseconds'");
      expect(await quick.app.work.workers.sweepVanished()).toBe(0);
      await quick.sql("update workers set last_heartbeat_at = now() - interval '4 seconds'");
      await waitUntil(async () => (await status()) === "offline");
      await quick.heartbeat(worker);
      expect(await status()).toBe("idle");
      const types = await quick.sql<{ status: string }>(
        "select data->>'status' as status from events where type = 'worker.status_changed' order by xid, id",
      );
      expect(types.map((row) => row.status)).toEqual(["offline", "idle"]);
    } finally {
      await quick.close();
    }
  });
});
