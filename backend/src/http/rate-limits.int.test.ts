import { Writable } from "node:stream";
import { defineEndpoint, type ErrorResponse } from "@agentvine/contracts";
import { createLogger, newId } from "@agentvine/kit";
import { findRedisServer, startRedis, type TestRedis, waitUntil } from "@agentvine/testkit";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import {
  buildTestApp,
  type TestApp,
  type TestAppOptions,
  type TestResponse,
} from "../testing/build-test-app.ts";
import { buildWorkFixture, type WorkFixture } from "../testing/work-fixture.ts";
import type { RatesPerSecond } from "./rate-limits.ts";
import { route } from "./route.ts";

const off: RatesPerSecond = { reads: 0, writes: 0, worker: 0, open: 0, refused: 0, credentials: 0 };
const atOnce = 10;
/** So long that no test sees its end. */
const limits = { rateWindowSeconds: 60 };
const tenPerWindow = atOnce / limits.rateWindowSeconds;
const tasksPath = "/api/v1/tasks";

const codeOf = ({ body }: TestResponse) => (body as ErrorResponse).error.code;
const times = <T>(count: number, call: () => Promise<T>) => Promise.all(Array.from({ length: count }, call));

/** How many of so many requests were let in; the others must have been told to wait. */
async function letIn(count: number, call: () => Promise<TestResponse>): Promise<number> {
  const replies = await times(count, call);
  const refused = replies.filter(({ status }) => status === 429);
  expect(refused.map(codeOf)).toEqual(refused.map(() => "request.rate_limited"));
  return count - refused.length;
}

const newKey = async (app: TestApp) => {
  const { body } = await app.request<{ secret: string }>("POST", "/api/v1/api-keys", {
    body: { name: "ci", permissions: ["tasks:read"] },
  });
  return body.secret;
};

describe("a caller who asks too often", () => {
  let app: TestApp;
  beforeAll(async () => {
    const [reads, open, refused] = [tenPerWindow, tenPerWindow, tenPerWindow];
    app = await buildTestApp({ config: { ratesPerSecond: { ...off, reads, open, refused } }, limits });
  });
  afterAll(() => app.close());
  const read = (token: string | null) => app.request("GET", tasksPath, { token });

  it("is told where it stands, then 429 with how long to wait; others are served meanwhile", async () => {
    const [secret, other] = [await newKey(app), await newKey(app)];
    const first = await read(secret);
    expect(Object.fromEntries(first.headers)).toMatchObject({
      ratelimit: '"reads";r=9;t=60',
      "ratelimit-policy": '"reads";q=10;w=60',
      "ratelimit-limit": "10",
      "ratelimit-remaining": "9",
      "ratelimit-reset": "60",
    });
    expect(await letIn(atOnce + 5, () => read(secret))).toBe(atOnce - 1);
    const refused = await read(secret);
    expect([refused.status, codeOf(refused)]).toEqual([429, "request.rate_limited"]);
    const seconds = Number(refused.headers.get("retry-after"));
    expect(seconds).toBeGreaterThanOrEqual(1);
    expect(seconds).toBeLessThanOrEqual(60);
    expect(refused.headers.get("ratelimit-remaining")).toBe("0");
    expect((refused.body as ErrorResponse).error.message).toContain("AGENTVINE_RATE_READS_PER_SECOND");
    expect((await read(other)).status).toBe(200);
  });

  it("may still do what is counted apart, or not at all", async () => {
    await times(atOnce + 1, () => read(app.token));
    expect((await read(app.token)).status).toBe(429);
    expect((await app.request("POST", "/api/v1/local-links")).status).toBe(201);
    expect(await letIn(50, () => app.request("GET", "/health/live", { token: null }))).toBe(50);
    expect(await letIn(50, () => app.request("GET", "/health/ready", { token: null }))).toBe(50);
  });

  it("is known by its address where no token is needed", async () => {
    expect(await letIn(atOnce + 5, () => app.request("GET", "/about", { token: null }))).toBe(atOnce);
    expect((await app.request("GET", "/about")).status).toBe(429);
  });

  it("guessing tokens, is stopped; who has one is let in from the same address", async () => {
    expect(await letIn(atOnce + 5, () => read("avl_guess"))).toBe(atOnce);
    expect((await read(null)).status).toBe(429);
    expect((await app.request("GET", "/admin/queues", { token: "avl_guess" })).status).toBe(429);
    expect((await read(await newKey(app))).status).toBe(200);
  });

  it("is let in again when its window has passed", async () => {
    await using quick = await buildTestApp({
      config: { ratesPerSecond: { ...off, reads: 3 } },
      limits: { rateWindowSeconds: 1 },
    });
    expect(await letIn(5, () => quick.request("GET", tasksPath))).toBe(3);
    await waitUntil(async () => (await quick.request("GET", tasksPath)).status === 200);
  });
});

describe("who creates, and who tries passwords,", () => {
  const endpoint = {
    method: "POST",
    tag: "test",
    summary: "test",
    status: 200,
    response: z.object({}),
  } as const;
  const login = defineEndpoint({
    ...endpoint,
    ...{ path: "/test/login", permission: "public", rateClass: "credentials" },
  });
  const changePassword = defineEndpoint({
    ...endpoint,
    ...{ path: "/test/password", permission: "tasks:read", rateClass: "credentials" },
  });
  const rates = { ...off, writes: tenPerWindow, credentials: tenPerWindow };
  const start = (options: TestAppOptions = {}) =>
    buildTestApp({
      config: { ratesPerSecond: rates, trustedProxies: ["127.0.0.1"] },
      limits,
      prepare: ({ server }) => {
        route(server, login, async () => ({}));
        route(server, changePassword, async () => ({}));
      },
      ...options,
    });
  let app: TestApp;
  beforeAll(async () => {
    app = await start();
  });
  afterAll(() => app.close());
  const from = (address: string) => ({ "x-forwarded-for": address });
  const tryLogin = (address: string) => () =>
    app.request("POST", "/test/login", { token: null, headers: from(address) });

  it("is stopped at the same number, each caller by itself; reading goes on", async () => {
    const [secret, other] = await Promise.all([newKey(app), newKey(app)]);
    const create = (token: string) => () => app.request("POST", tasksPath, { token, body: {} });
    // The key may not; it is counted all the same.
    expect(await letIn(atOnce + 5, create(secret))).toBe(atOnce);
    expect((await create(other)()).status).toBe(403);
    const mine = await app.request("POST", tasksPath, { body: {} });
    expect([mine.status, mine.headers.get("ratelimit-policy")]).toEqual([400, '"writes";q=10;w=60']);
    expect((await app.request("GET", tasksPath, { token: secret })).status).toBe(200);
  });

  it("is counted by address over all such routes, whatever token comes along", async () => {
    expect(await letIn(atOnce - 2, tryLogin("203.0.113.1"))).toBe(atOnce - 2);
    const change = (token: string) =>
      app.request("POST", "/test/password", { token, headers: from("203.0.113.1") });
    expect((await change(await newKey(app))).status).toBe(200);
    expect((await change(app.token)).status).toBe(200);
    const refused = await tryLogin("203.0.113.1")();
    expect([refused.status, codeOf(refused)]).toEqual([429, "request.rate_limited"]);
    expect((refused.body as ErrorResponse).error.message).toContain("AGENTVINE_RATE_CREDENTIALS_PER_MINUTE");
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    expect((await tryLogin("203.0.113.2")()).status).toBe(200);
    // Of IPv6, whoever owns one address owns its block.
    expect(await letIn(atOnce + 5, tryLogin("2001:db8::1"))).toBe(atOnce);
    expect((await tryLogin("2001:db8::2")()).status).toBe(429);
    expect((await tryLogin("2001:db8:0:1::1")()).status).toBe(200);
  });

  it("has a minute's worth of tries, not ten seconds' worth as elsewhere", async () => {
    const ratesPerSecond = { ...off, credentials: 20 / 60 };
    await using strict = await start({ config: { ratesPerSecond }, limits: {} });
    const { headers } = await strict.request("POST", "/test/login", { token: null });
    expect(headers.get("ratelimit-policy")).toBe('"credentials";q=20;w=60');
  });
});

it("nothing is limited where the rate is 0", async () => {
  await using app = await buildTestApp();
  const replies = await times(40, () => app.request("GET", tasksPath));
  expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([200]));
  expect(replies[0]?.headers.has("ratelimit-limit")).toBe(false);
});

describe("the workers of a fleet that share one key", () => {
  let work: WorkFixture;
  beforeAll(async () => {
    work = await buildWorkFixture({ ratesPerSecond: { ...off, worker: tenPerWindow } }, { limits });
  });
  afterAll(() => work.close());

  it("are counted each for itself, and per route: a claim loop gone mad takes nobody's turn, nor its own heartbeat's", async () => {
    const [mad, good] = [await work.registerWorker(), await work.registerWorker()];
    expect(await letIn(atOnce + 5, () => work.claim(mad))).toBe(atOnce);
    expect((await work.claim(mad)).status).toBe(429);
    expect((await work.claim(good)).status).toBe(204);
    expect((await work.heartbeat(mad)).status).toBe(200);
  });

  it("an attempt that floods its log can still hand in its result", async () => {
    const worker = await work.registerWorker();
    await work.createTask();
    const claim = await work.mustClaim(worker);
    const sendLog = () =>
      work.app.request("POST", `/api/v1/executions/${claim.executionId}/logs`, {
        token: claim.attemptToken,
        body: {},
      });
    expect(await letIn(atOnce + 5, sendLog)).toBe(atOnce);
    expect((await work.complete(claim)).status).toBe(200);
  });

  it("a claim that names no worker is counted for the key", async () => {
    const claim = (workerId: unknown) => () =>
      work.app.request("POST", "/api/v1/queue/claim", {
        token: work.app.workerKey,
        headers: { "idempotency-key": newId() },
        body: { workerId },
      });
    const calls = [undefined, 7, "x".repeat(50)].map(claim);
    const replies = await Promise.all(calls.flatMap((call) => [...Array(atOnce)].map(() => call())));
    expect(replies.filter(({ status }) => status === 429)).toHaveLength(2 * atOnce);
  });
});

const redisServer = findRedisServer(
  "rate limits over several backends, and what becomes of them without Redis",
);
describe.skipIf(redisServer === undefined)("several backends with one Redis", () => {
  let redis: TestRedis;
  const told: { level: number; msg: string }[] = [];
  const apps: TestApp[] = [];
  beforeAll(async () => {
    redis = await startRedis(redisServer ?? "");
  });
  afterAll(() => redis.stop());
  beforeEach(() => redis.client.flushall());
  afterEach(async () => {
    await Promise.all(apps.splice(0).map((app) => app.close()));
    told.splice(0);
  });

  const redisHealth = async (app: TestApp) => {
    const { body } = await app.request<{ components: { redis: { status: string } } }>("GET", "/health");
    return body.components.redis.status;
  };
  async function startBackend(): Promise<TestApp> {
    const stream = new Writable({
      write: (line, _encoding, done) => {
        told.push(JSON.parse(String(line)));
        done();
      },
    });
    const app = await buildTestApp({
      logger: createLogger({ name: "test", level: "info", stream }),
      config: { redisUrl: redis.url, ratesPerSecond: { ...off, refused: tenPerWindow } },
      limits,
    });
    apps.push(app);
    await waitUntil(async () => (await redisHealth(app)) === "up");
    return app;
  }
  const guess = (app: TestApp) => () => app.request("GET", tasksPath, { token: "avl_guess" });
  const tellings = (level: number) => told.filter((line) => line.level === level && /Redis/.test(line.msg));

  it("count together", async () => {
    const [a, b] = [await startBackend(), await startBackend()];
    expect(await letIn(7, guess(a))).toBe(7);
    expect(await letIn(7, guess(b))).toBe(3);
    expect((await guess(a)()).status).toBe(429);
  });

  it("count each alone while Redis is gone, say so once, and together again when it is back", async () => {
    const [a, b] = [await startBackend(), await startBackend()];
    await letIn(7, guess(a));
    await redis.kill();
    expect(await letIn(atOnce + 5, guess(a))).toBe(atOnce);
    expect(await letIn(atOnce + 5, guess(b))).toBe(atOnce);
    expect((await a.request("GET", tasksPath)).status).toBe(200);
    await waitUntil(() => tellings(40).length === 2);
    await redis.start();
    await waitUntil(async () => {
      await Promise.all([guess(a)(), guess(b)()]);
      return tellings(30).length === 2;
    });
    await redis.client.flushall();
    expect((await letIn(7, guess(a))) + (await letIn(7, guess(b)))).toBe(atOnce);
    expect(tellings(40)).toHaveLength(2);
  });

  it("answer at once while Redis hangs: one request waits for it, the others do not", async () => {
    const app = await startBackend();
    redis.pause();
    try {
      const startedMs = performance.now();
      expect(await letIn(atOnce + 5, guess(app))).toBe(atOnce);
      // One after the other: each waiting in vain would take 250 ms.
      for (let i = 0; i < 30; i += 1) expect((await guess(app)()).status).toBe(429);
      expect(performance.now() - startedMs).toBeLessThan(30 * 250);
      expect(tellings(40)).toHaveLength(1);
    } finally {
      redis.resume();
    }
  });
});
