import { defineEndpoint, type ErrorResponse } from "@agentvine/contracts";
import { AppError, deferred } from "@agentvine/kit";
import { waitUntil } from "@agentvine/testkit";
import { sql } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { buildTestApp, type TestApp } from "../testing/build-test-app.ts";
import { route } from "./route.ts";

const create = defineEndpoint({
  method: "POST",
  path: "/test/things",
  permission: "tasks:read",
  tag: "test",
  summary: "test",
  status: 201,
  isIdempotent: true,
  body: z.object({ name: z.string(), other: z.record(z.string(), z.number()).default({}) }),
  response: z.object({ number: z.number(), name: z.string() }),
});

let app: TestApp;
let calls = 0;
let creationIds: string[] = [];
let gate = deferred<void>();
let isGated = false;
let failure: Error | undefined;

beforeAll(async () => {
  app = await buildTestApp({
    prepare: ({ server }) =>
      route(server, create, async ({ body, creationId }) => {
        calls += 1;
        creationIds.push(creationId);
        const number = calls;
        if (isGated) {
          await gate.promise;
        }
        if (failure !== undefined) {
          throw failure;
        }
        return { number, name: body.name };
      }),
  });
});
afterAll(() => app.close());
beforeEach(() => {
  calls = 0;
  creationIds = [];
  isGated = false;
  failure = undefined;
  gate = deferred();
});

let keyNumber = 0;
const newKey = () => `key-${++keyNumber}`;
const post = (key: string, body: unknown = { name: "a" }, token?: string) =>
  app.request("POST", "/test/things", {
    body,
    headers: { "idempotency-key": key },
    ...(token === undefined ? {} : { token }),
  });
const codeOf = (body: unknown) => (body as ErrorResponse).error.code;

test("a repeat gets the first answer, status and all, and nothing is done twice", async () => {
  const key = newKey();
  const first = await post(key);
  const repeat = await post(key);
  expect([first.status, first.body]).toEqual([201, { number: 1, name: "a" }]);
  expect([repeat.status, repeat.body]).toEqual([201, { number: 1, name: "a" }]);
  expect(first.headers.get("idempotency-replayed")).toBeNull();
  expect(repeat.headers.get("idempotency-replayed")).toBe("true");
  expect(calls).toBe(1);
});

test("the order of fields makes no difference, another body does", async () => {
  const key = newKey();
  await post(key, { name: "a", other: { x: 1, y: 2 } });
  expect((await post(key, { other: { y: 2, x: 1 }, name: "a" })).status).toBe(201);
  const conflict = await post(key, { name: "b" });
  expect([conflict.status, codeOf(conflict.body)]).toEqual([409, "idempotency.conflict"]);
  expect(calls).toBe(1);
});

test("of many equal requests at once one does the work, the others are told to come back", async () => {
  isGated = true;
  const key = newKey();
  const requests = Array.from({ length: 8 }, () => post(key));
  await waitUntil(() => calls === 1);
  const settled = Promise.all(requests);
  // All but the holder are answered before it ends.
  await Promise.race([settled, waitUntil(async () => (await post(key)).status === 409)]);
  gate.resolve();
  const answers = await settled;
  expect(calls).toBe(1);
  const refused = answers.filter(({ status }) => status === 409);
  expect(answers.filter(({ status }) => status === 201).length + refused.length).toBe(8);
  for (const { body, headers } of refused) {
    expect(codeOf(body)).toBe("idempotency.in_progress");
    expect(headers.get("retry-after")).toBe("1");
  }
  expect((await post(key)).body).toEqual({ number: 1, name: "a" });
});

test("a request that failed may be tried again with its key", async () => {
  const key = newKey();
  failure = new AppError("task.conflict", "not now");
  expect((await post(key)).status).toBe(409);
  failure = undefined;
  expect((await post(key)).body).toEqual({ number: 2, name: "a" });
});

test("after a failure that may have come behind the commit, only the same request may follow, and creates under the same id", async () => {
  const key = newKey();
  failure = new Error("the connection was lost");
  expect((await post(key)).status).toBe(500);
  expect(codeOf((await post(key, { name: "b" })).body)).toBe("idempotency.conflict");
  failure = undefined;
  expect((await post(key)).body).toEqual({ number: 2, name: "a" });
  expect(creationIds).toHaveLength(2);
  expect(creationIds[1]).toBe(creationIds[0]);
});

test("after a refusal, another request may follow, and creates under another id", async () => {
  const key = newKey();
  failure = new AppError("task.conflict", "not now");
  await post(key);
  failure = undefined;
  expect((await post(key, { name: "b" })).body).toEqual({ number: 2, name: "b" });
  expect(new Set(creationIds).size).toBe(2);
});

test("keys of different actors never meet", async () => {
  const { secret } = await app.apiKeys.create({
    name: "other",
    permissions: ["tasks:read"],
    createdBy: app.local.userId,
  });
  const key = newKey();
  await post(key);
  expect((await post(key, { name: "b" }, secret)).body).toEqual({ number: 2, name: "b" });
});

test("the key of a request whose process was killed is free again after a while, for the same request only", async () => {
  isGated = true;
  const key = newKey();
  const lost = post(key);
  await waitUntil(() => calls === 1);
  await app.database.db.execute(
    sql`update idempotency_keys set held_until = now() - interval '1 second' where key = ${key}`,
  );
  expect(codeOf((await post(key, { name: "b" })).body)).toBe("idempotency.conflict");
  const second = post(key);
  await waitUntil(() => calls === 2);
  gate.resolve();
  expect((await second).body).toEqual({ number: 2, name: "a" });
  await lost;
  // The first holder came back late; its answer does not replace the stored one.
  expect((await post(key)).body).toEqual({ number: 2, name: "a" });
});

test("old answers are forgotten", async () => {
  const key = newKey();
  await post(key);
  await app.database.db.execute(
    sql`update idempotency_keys set created_at = now() - interval '25 hours' where key = ${key}`,
  );
  expect(await app.idempotency.deleteOld(1)).toBe(1);
  expect((await post(key, { name: "b" })).status).toBe(201);
});
