import { get, type IncomingMessage } from "node:http";
import type { WorkerCommand } from "@agentvine/contracts";
import { findRedisServer, startRedis, type TestRedis, waitUntil } from "@agentvine/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TestApp } from "./testing/build-test-app.ts";
import { buildWorkFixture, type TestWorker, type WorkFixture } from "./testing/work-fixture.ts";

const redisServer = findRedisServer("two backends that wake each other by Redis");
let redis: TestRedis | undefined;
beforeAll(async () => {
  redis = redisServer === undefined ? undefined : await startRedis(redisServer);
});
afterAll(() => redis?.stop());

const transports = [
  { name: "PostgreSQL", usesRedis: false, isSkipped: false },
  { name: "Redis", usesRedis: true, isSkipped: redisServer === undefined },
];

describe.each(transports)("two backends that wake each other by $name", ({ usesRedis, isSkipped }) => {
  describe.skipIf(isSkipped)("on one database", () => {
    let a: WorkFixture;
    let b: WorkFixture;
    beforeAll(async () => {
      const config = usesRedis ? { redisUrl: redis?.url } : {};
      // Waiting claims do not look by themselves here: only a wake can bring them their order.
      const limits = { claimSweepMs: 3_600_000 };
      a = await buildWorkFixture(config, { limits });
      b = await buildWorkFixture(config, { limits, beside: a });
    });
    afterAll(async () => {
      await b.close();
      await a.close();
    });

    it("bring a claim that waits at one the task that is created at the other, both ways", async () => {
      const worker = await b.registerWorker({ slots: 2 });
      for (const [from, at] of [
        [a, b],
        [b, a],
      ] as const) {
        const waiting = at.claim(worker, { waitSeconds: 30 });
        await untilClaimWaits(at);
        const task = await from.createTask();
        const { status, body } = await waiting;
        expect([status, body.task?.id]).toEqual([200, task.id]);
      }
    });

    it("bring a cancel from one to the worker that polls the other, which may then finish at either", async () => {
      const worker = await b.registerWorker();
      const task = await a.createTask();
      const claim = await b.mustClaim(worker);
      const waiting = pollCommands(b.app, worker);
      expect((await a.app.request("POST", `/api/v1/tasks/${task.id}/cancel`, { body: {} })).status).toBe(200);
      expect((await waiting).body.items).toMatchObject([{ type: "cancel", workOrderId: claim.workOrder.id }]);
      expect((await a.fail(claim, { outcome: "cancelled", failure: undefined })).status).toBeLessThan(500);
      expect((await b.getTask(task.id)).status).toBe("cancelled");
    });

    it("bring what happens at one into the stream of events of the other", async () => {
      const stream = await openStream(b.app);
      const task = await a.createTask();
      await waitUntil(() => stream.text().includes(task.id));
      stream.close();
      await b.app.request("POST", `/api/v1/tasks/${task.id}/cancel`, { body: {} });
    });

    it("take results of attempts that the other gave out, each once", async () => {
      const worker = await b.registerWorker();
      await a.createTask();
      const claim = await b.mustClaim(worker);
      const result = await a.runResult(claim);
      const replies = await Promise.all([a, b, a, b].map((one) => one.complete(claim, result)));
      expect(replies.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
      expect((await a.history(claim.task.id)).filter((type) => type === "execution.finished")).toHaveLength(
        1,
      );
    });

    it("lose no task when every connection between them breaks while claims wait", async () => {
      const worker = await b.registerWorker();
      const waiting = b.claim(worker, { waitSeconds: 30 });
      await untilClaimWaits(b);
      await cutWakes(a);
      if (usesRedis) await redis?.kill();
      const task = await a.createTask();
      expect((await waiting).body.task?.id).toBe(task.id);
      if (usesRedis) await redis?.start();
    });
  });
});

const pollCommands = (app: TestApp, { id, instanceId }: TestWorker) =>
  app.request<{ items: WorkerCommand[] }>(
    "GET",
    `/api/v1/workers/${id}/commands?instanceId=${instanceId}&waitSeconds=30`,
    { token: app.workerKey },
  );

/** Until a claim at this backend has looked, found nothing and waits. */
const untilClaimWaits = ({ app }: WorkFixture) => waitUntil(() => app.work.claims.waiting() > 0);

const cutWakes = ({ app }: WorkFixture) =>
  app.database.pool.query(
    "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = current_database() and application_name = 'agentvine notifications'",
  );

async function openStream(app: TestApp) {
  const headers = { authorization: `Bearer ${app.token}` };
  const response = await new Promise<IncomingMessage>((resolve, reject) =>
    get(new URL("/api/v1/events/stream", app.url), { headers }, resolve).once("error", reject),
  );
  let text = "";
  response.on("data", (chunk) => {
    text += String(chunk);
  });
  response.on("error", () => {});
  await waitUntil(() => text.includes("retry:"));
  return { text: () => text, close: () => response.destroy() };
}
