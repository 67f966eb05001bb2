import type { Health, StatsSample } from "@agentvine/contracts";
import { findRedisServer, startRedis, type TestRedis, waitUntil } from "@agentvine/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildTestApp } from "../testing/build-test-app.ts";
import { buildWorkFixture } from "../testing/work-fixture.ts";

const health = async (app: { request: Awaited<ReturnType<typeof buildTestApp>>["request"] }) =>
  (await app.request<Health>("GET", "/health")).body;

describe("the chores of a backend", () => {
  it("sample how things stand, and say that the background queue answers", async () => {
    await using app = await buildTestApp({ config: { runsChores: true } });
    const { items } = await waitUntil(async () => {
      const { body } = await app.request<{ items: StatsSample[] }>("GET", "/api/v1/stats/series");
      return body.items.length > 0 ? body : undefined;
    });
    expect(items[0]).toMatchObject({ claimed: 0, workersOnline: 0 });
    const { components } = await health(app);
    expect(components.queue).toMatchObject({ status: "up" });
    expect(components.redis).toBeUndefined();
  });

  it("are left to other backends when they are switched off", async () => {
    await using app = await buildTestApp({ config: { redisUrl: "redis://127.0.0.1:9" } });
    const { components } = await health(app);
    expect(components.queue).toMatchObject({ status: "up" });
    expect(components.redis).toMatchObject({ status: "down" });
  });
});

describe("a backend whose Redis is not there", () => {
  it("starts, says so, hands out work, and stops", async () => {
    const work = await buildWorkFixture({ runsChores: true, redisUrl: "redis://127.0.0.1:9" });
    try {
      const worker = await work.registerWorker();
      await work.createTask();
      expect((await work.claim(worker)).status).toBe(200);
      const { status, components } = await health(work.app);
      expect(status).toBe("degraded");
      expect(components.redis?.status).toBe("down");
      expect(components.queue).toMatchObject({
        status: "degraded",
        detail: expect.stringContaining("does not answer"),
      });
      expect((await work.app.request("GET", "/health/ready")).status).toBe(200);
    } finally {
      const startedMs = Date.now();
      await work.close();
      expect(Date.now() - startedMs).toBeLessThan(15_000);
    }
  });
});

const redisServer = findRedisServer("a backend whose Redis is flushed or crashes");
describe.skipIf(redisServer === undefined)("a backend with Redis", () => {
  let redis: TestRedis;
  beforeAll(async () => {
    redis = await startRedis(redisServer ?? "");
  });
  afterAll(() => redis.stop());

  it("loses nothing when Redis is flushed with work queued, nor when it crashes", async () => {
    const work = await buildWorkFixture({ runsChores: true, redisUrl: redis.url });
    try {
      await waitUntil(async () => (await health(work.app)).components.redis?.status === "up");
      expect(
        (await work.app.request<{ backgroundQueue: string }>("GET", "/about")).body.backgroundQueue,
      ).toBe("redis");
      const worker = await work.registerWorker({ slots: 100 });
      /** So many in five lanes, as a handful of workers would. */
      const each = (count: number, what: () => Promise<unknown>) =>
        Promise.all(
          Array.from({ length: 5 }, async () => {
            for (let done = 0; done < count / 5; done += 1) await what();
          }),
        );
      const finish = async () => {
        const claim = await work.mustClaim(worker);
        expect((await work.complete(claim)).status).toBe(200);
      };
      await each(100, () => work.createTask());
      await redis.client.flushall();
      await each(50, finish);
      await redis.kill();
      await each(50, finish);
      expect((await work.claim(worker)).status).toBe(204);
      expect(
        await work.sql("select status, count(*)::int from work_orders where kind = 'run' group by status"),
      ).toEqual([{ status: "completed", count: 100 }]);
      await waitUntil(async () => (await health(work.app)).components.redis?.status === "down");
      await redis.start();
      await waitUntil(async () => (await health(work.app)).components.redis?.status === "up");
      const [schedules = ""] = await waitUntil(async () => {
        const keys = await redis.client.keys("agentvine:*:maintenance:repeat");
        return keys.length > 0 ? keys : undefined;
      });
      await waitUntil(async () => (await redis.client.zcard(schedules)) === 5);
    } finally {
      await work.close();
    }
  }, 60_000);
});
