import { afterAll, beforeAll, expect, test } from "vitest";
import { buildTestApp, type TestApp } from "./testing/build-test-app.ts";

let app: TestApp;
beforeAll(async () => {
  app = await buildTestApp();
});
afterAll(() => app.close());

test("health names every part with status and latency", async () => {
  const { status, body } = await app.request("GET", "/health", { token: null });
  expect(status).toBe(200);
  expect(body).toMatchObject({
    status: "up",
    components: {
      database: { status: "up", latencyMs: expect.any(Number) },
      workers: { status: "absent" },
      queue: { status: "up" },
      controllers: { status: "absent" },
    },
  });
});
test("about", async () => {
  console.log((await app.request("GET", "/about", { token: null })).body);
  const d = await app.request("GET", "/openapi.json", { token: null });
  console.log(d.status, JSON.stringify(d.body).slice(0, 300));
});
