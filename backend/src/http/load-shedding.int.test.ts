import type { ErrorResponse, Health } from "@agentvine/contracts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildWorkFixture, type TestWorker, type WorkFixture } from "../testing/work-fixture.ts";

let work: WorkFixture;
let worker: TestWorker;
let isOverloaded = false;

beforeAll(async () => {
  const lag = { isOverloaded: () => isOverloaded, lagMs: () => (isOverloaded ? 1_234 : 0) };
  work = await buildWorkFixture({}, { limits: { lag: { ...lag, stop: async () => {} } } });
  worker = await work.registerWorker();
});
afterAll(() => work.close());

test("a server that can't keep up refuses requests at once, but renews leases, takes results and says how it is", async () => {
  await work.createTask();
  const claim = await work.mustClaim(worker);
  const result = await work.runResult(claim);
  isOverloaded = true;

  const refused = await work.app.request<ErrorResponse>("GET", "/api/v1/tasks");
  expect([refused.status, refused.body.error.code]).toEqual([503, "server.overloaded"]);
  expect(refused.headers.get("retry-after")).toBe("5");
  expect((await work.claim(worker)).status).toBe(503);
  // Refused before anybody looks who it is.
  expect((await work.app.request("GET", "/api/v1/tasks", { token: null })).status).toBe(503);

  const held = { workOrderId: claim.workOrder.id, attempt: claim.attempt };
  expect(await work.heartbeat(worker, { orders: [held] })).toMatchObject({
    status: 200,
    body: { renewed: [held] },
  });
  expect((await work.complete(claim, result)).status).toBe(200);
  expect((await work.app.request("GET", "/health/live", { token: null })).status).toBe(200);
  const health = await work.app.request<Health>("GET", "/health", { token: null });
  expect(health.body.components.process).toMatchObject({
    status: "degraded",
    detail: "event loop late by 1234 ms",
  });
  const { body: metrics } = await work.app.request<string>("GET", "/metrics");
  expect(metrics).toContain("agentvine_nodejs_eventloop_lag_mean_seconds");

  isOverloaded = false;
  expect((await work.app.request("GET", "/api/v1/tasks")).status).toBe(200);
});
