import { systemClock } from "@agentvine/kit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createActiveRulesService } from "./modules/policies/active-rules.service.ts";
import { buildTestApp, type TestApp } from "./testing/build-test-app.ts";
import { lastOldMs } from "./testing/last-old-ms.ts";

/** What is kept never grows old by this clock: only news can end it. */
const standingClock = { ...systemClock, monotonicMs: () => 0 };
const keysPath = "/api/v1/api-keys";

let a: TestApp;
let b: TestApp;
beforeAll(async () => {
  a = await buildTestApp();
  b = await buildTestApp({ beside: a, clock: standingClock });
});
afterAll(async () => {
  await b?.close();
  await a?.close();
});

const newKey = async () => {
  const { body } = await a.request<{ apiKey: { id: string }; secret: string }>("POST", keysPath, {
    body: { name: "ci", permissions: ["tasks:read"] },
  });
  return body;
};
const use = async (app: TestApp, token: string) =>
  (await app.request("GET", "/api/v1/tasks", { token })).status;

describe("a key that one backend knows and another one revokes", () => {
  test("is refused within a second, by the news alone", async () => {
    const { apiKey, secret } = await newKey();
    expect(await use(b, secret)).toBe(200);
    await a.request("DELETE", `${keysPath}/${apiKey.id}`);
    expect(await lastOldMs(async () => (await use(b, secret)) === 401)).toBeLessThanOrEqual(1_000);
  });

  test("is refused within a second also when no news comes through", async () => {
    await using deaf = await buildTestApp({ beside: a });
    await deaf.notifications.close();
    const { apiKey, secret } = await newKey();
    expect(await use(deaf, secret)).toBe(200);
    await a.request("DELETE", `${keysPath}/${apiKey.id}`);
    expect(await lastOldMs(async () => (await use(deaf, secret)) === 401)).toBeLessThanOrEqual(1_000);
  });

  test("is not looked up anew for each request, nor for a change of nobody's", async () => {
    const { secret } = await newKey();
    expect(await use(b, secret)).toBe(200);
    const before = lookUps(b);
    for (let turn = 0; turn < 20; turn += 1) expect(await use(b, secret)).toBe(200);
    expect(lookUps(b) - before).toBe(0);
  });
});

/** Connections that the pool for who asks has given out so far. */
const counted = new WeakMap<TestApp, { taken: number }>();
function lookUps(app: TestApp): number {
  const known = counted.get(app);
  if (known !== undefined) return known.taken;
  const count = { taken: 0 };
  counted.set(app, count);
  app.database.vitalPool.on("acquire", () => {
    count.taken += 1;
  });
  return 0;
}

describe("a policy that one backend has read and another one changes", () => {
  const newVersion = async () => {
    const { body } = await a.request<{ version: number }>("GET", "/api/v1/policies/active");
    const changed = await a.request("POST", "/api/v1/policies", {
      body: {
        ...{ basedOnVersion: body.version, comment: "as told" },
        yaml: `rules:\n  - { id: r${body.version}, effect: deny }\n`,
      },
    });
    expect(changed.status).toBeLessThan(300);
    return body.version + 1;
  };

  test("is read anew within a second, by the news alone, and not before", async () => {
    const { db } = b.database;
    const { notifications } = b;
    const rules = createActiveRulesService({ db, clock: standingClock, notifications });
    const seen = await rules.recentRules();
    expect(await rules.recentRules()).toBe(seen);
    const version = await newVersion();
    const oldMs = await lastOldMs(async () => (await rules.recentRules()).version === version);
    expect(oldMs).toBeLessThanOrEqual(1_000);
  });

  test("is read anew within a second also when no news comes through", async () => {
    const notifications = { on: () => () => {} };
    const rules = createActiveRulesService({ db: b.database.db, clock: systemClock, notifications });
    await rules.recentRules();
    const version = await newVersion();
    const oldMs = await lastOldMs(async () => (await rules.recentRules()).version === version);
    expect(oldMs).toBeLessThanOrEqual(1_000);
  });
});
