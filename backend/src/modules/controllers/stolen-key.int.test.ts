import { type EndpointShape, endpoints, type Permission } from "@agentvine/contracts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildTestApp, type TestApp } from "../../testing/build-test-app.ts";
import { sendExample } from "../../testing/send-example.ts";

// Whoever steals a controller's key has it all: this is what that is worth.

const controllerPermissions: readonly Permission[] = ["controller:register", "controller:work"];

let app: TestApp;
let controllerKey: string;
beforeAll(async () => {
  app = await buildTestApp();
  const body = { name: "controllers", permissions: controllerPermissions };
  controllerKey = (await app.request<{ secret: string }>("POST", "/api/v1/api-keys", { body })).body.secret;
});
afterAll(() => app.close());

const all = Object.entries(endpoints).flatMap(([group, members]) =>
  Object.entries<EndpointShape>(members).map(([name, endpoint]) => ({ name: `${group}.${name}`, endpoint })),
);
const isControllers = ({ endpoint }: (typeof all)[number]) =>
  controllerPermissions.includes(endpoint.permission);
const isOpen = ({ endpoint }: (typeof all)[number]) => endpoint.permission === "public";
const forbidden = all.filter((each) => !isControllers(each) && !isOpen(each));

describe("a controller's key", () => {
  test.each(forbidden)("is refused at $name", async ({ endpoint }) => {
    const { status, body } = await sendExample(app, endpoint, controllerKey);
    expect([status, body.error?.code]).toEqual([403, "auth.forbidden"]);
  });

  test("opens just what a controller needs", () => {
    expect(all.filter(isControllers).map(({ name }) => name)).toEqual([
      "controllers.register",
      "controllers.heartbeat",
      "controllers.deregister",
      "workerRequests.claim",
      "workerRequests.renew",
      "workerRequests.answerAutomated",
      "workerRequests.handOver",
      "workerRequests.proposeDocument",
      "workerRequests.precedentsFor",
    ]);
  });

  test("makes no key: what it may not do it can't have another key do", async () => {
    for (const permissions of [["requests:answer"], controllerPermissions]) {
      const { status } = await app.request("POST", "/api/v1/api-keys", {
        body: { name: "more", permissions },
        token: controllerKey,
      });
      expect(status).toBe(403);
    }
  });
});

describe("a worker's key", () => {
  test.each(all.filter(isControllers))("is refused at $name: agents answer nothing", async ({ endpoint }) => {
    const { status, body } = await sendExample(app, endpoint, app.workerKey);
    expect([status, body.error?.code]).toEqual([403, "auth.forbidden"]);
  });
});
