import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Health } from "@agentvine/contracts";
import {
  createTestCa,
  findRedisServer,
  redisHasTls,
  startRedis,
  type TempDir,
  type TestRedis,
  tempDir,
  waitUntil,
} from "@agentvine/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildTestApp } from "../testing/build-test-app.ts";

const guarantees = "TLS to Redis";
const program = findRedisServer(guarantees);
const isTested = program !== undefined && redisHasTls(program, guarantees);

describe.skipIf(!isTested)("a Redis that speaks TLS only", () => {
  let directory: TempDir;
  let redis: TestRedis;
  let caFile: string;
  let otherCaFile: string;
  beforeAll(async () => {
    directory = await tempDir("agentvine-redis-tls-");
    const [ca, other] = await Promise.all([createTestCa(), createTestCa()]);
    [caFile, otherCaFile] = [join(directory.path, "ca.pem"), join(directory.path, "other.pem")];
    await Promise.all([writeFile(caFile, ca.cert), writeFile(otherCaFile, other.cert)]);
    redis = await startRedis(program ?? "", { ...(await ca.issue(["127.0.0.1"])), ca: ca.cert });
  });
  afterAll(async () => {
    await redis?.stop();
    await directory?.[Symbol.asyncDispose]();
  });
  const statusOf = async (config: { redisUrl: string; redisCaFile: string | undefined }) => {
    await using app = await buildTestApp({ config });
    const look = async () => {
      const { body } = await app.request<{ components: { redis: { status: string } } }>("GET", "/health");
      return body.components.redis.status;
    };
    await waitUntil(async () => (await look()) === "up", { timeoutMs: 3_000 }).catch(() => {});
    return await look();
  };

  it("is reached with its CA, and without it, or with another one, or in the clear, it is not", async () => {
    expect(await statusOf({ redisUrl: redis.url, redisCaFile: caFile })).toBe("up");
    const plain = redis.url.replace("rediss:", "redis:");
    const failing = [
      statusOf({ redisUrl: redis.url, redisCaFile: undefined }),
      statusOf({ redisUrl: redis.url, redisCaFile: otherCaFile }),
      statusOf({ redisUrl: plain, redisCaFile: undefined }),
    ];
    expect(await Promise.all(failing)).not.toContain("up");
  });

  it("carries wakes from one backend to the other, and the background queue", async () => {
    const config = { redisUrl: redis.url, redisCaFile: caFile, runsChores: true };
    await using a = await buildTestApp({ config });
    await using b = await buildTestApp({ config, beside: a });
    const { components } = await waitUntil(
      async () => {
        const { body } = await b.request<Health>("GET", "/health");
        return body.components.queue?.status === "up" ? body : undefined;
      },
      { timeoutMs: 10_000 },
    );
    expect([components.redis?.status, components.queue?.status]).toEqual(["up", "up"]);
    // The wakes of both, and the jobs of both: each a connection that stands.
    await waitUntil(async () => {
      const clients = String(await redis.client.client("LIST"));
      return clients.match(/name=agentvine-wakes/g)?.length === 2;
    });
    expect((await redis.client.keys("agentvine:*")).length).toBeGreaterThan(0);
    const link = await a.request<{ apiKey: { id: string }; secret: string }>("POST", "/api/v1/api-keys", {
      body: { name: "ci", permissions: ["tasks:read"] },
    });
    const read = () => b.request("GET", "/api/v1/tasks", { token: link.body.secret });
    expect((await read()).status).toBe(200);
    await a.request("DELETE", `/api/v1/api-keys/${link.body.apiKey.id}`);
    await waitUntil(async () => (await read()).status === 401, { timeoutMs: 1_000 });
  });
});
