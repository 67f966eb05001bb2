import type { ErrorResponse, Health } from "@agentvine/contracts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildWorkFixture, type TestWorker, type WorkFixture } from "../testing/work-fixture.ts";

const lagMsMax = 60;
let work: WorkFixture;
let worker: TestWorker;

beforeAll(async () => {
  work = await buildWorkFixture({}, { limits: { shedAboveLagMs: lagMsMax } });
  worker = await work.registerWorker();
});
afterAll(() => work.close());

/** Keeps the event loop so busy that every turn of it is late, until told to stop. */
function overload(): { stop(): void } {
  let isOn = true;
  const turn = (): void => {
    const endMs = performance.now() + 1.5 * lagMsMax;
    while (performance.now() < endMs);
    if (isOn) setImmediate(turn);
  };
  turn();
  return {
    stop: () => {
      isOn = false;
    },
  };
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function until(isPressed: boolean): Promise<void> {
  while (work.app.server.isUnderPressure() !== isPressed) await nextTurn();
}

test("a server that can't keep up refuses requests at once, but renews leases, takes results and says how it is", async () => {
  await work.createTask();
  const claim = await work.mustClaim(worker);
  const result = await work.runResult(claim);
  const { stop } = overload();
  await until(true);

  const refused = await work.app.request<ErrorResponse>("GET", "/api/v1/tasks");
  expect([refused.status, refused.body.error.code]).toEqual([503, "server.overloaded"]);
  expect(refused.headers.get("retry-after")).toBe("5");
  expect((await work.claim(worker)).status).toBe(503);

  const held = { workOrderId: claim.workOrder.id, attempt: claim.attempt };
  expect(await work.heartbeat(worker, { orders: [held] })).toMatchObject({
    status: 200,
    body: { renewed: [held] },
  });
  expect((await work.complete(claim, result)).status).toBe(200);
  expect((await work.app.request("GET", "/health/live", { token: null })).status).toBe(200);
  const health = await work.app.request<Health>("GET", "/health", { token: null });
  expect(health.body.components.process?.detail).toMatch(/^event loop late by [1-9]\d* ms$/);
  const { body: metrics } = await work.app.request<string>("GET", "/metrics");
  expect(metrics).toContain("agentvine_nodejs_eventloop_lag_mean_seconds");

  stop();
  await until(false);
  expect((await work.app.request("GET", "/api/v1/tasks")).status).toBe(200);
});
