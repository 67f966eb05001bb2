import { afterAll, beforeAll, expect, test } from "vitest";
import {
  auditedAccountRoutes,
  auditedRoutes,
  changingRoutes,
  routeOf,
  unauditedRoutes,
} from "../../testing/audited-routes.ts";
import { buildValidRequests } from "../../testing/valid-requests.ts";

let valid: Awaited<ReturnType<typeof buildValidRequests>>;
beforeAll(async () => {
  valid = await buildValidRequests();
});
afterAll(() => valid.fixture.close());

test("every change that a person or a key can make is in the audit log, or stands in the list of those that need not be", async () => {
  const { fixture, all, send } = valid;
  const listed = [auditedRoutes, auditedAccountRoutes, unauditedRoutes].flatMap(Object.keys);
  expect(listed.toSorted()).toEqual(changingRoutes.toSorted());
  const entries = (after: number) =>
    fixture.sql<{ action: string; actor_id: string; address: string; request_id: string }>(
      "select * from audit_log order by occurred_at, id offset $1",
      [after],
    );
  for (const { name, endpoint, make } of all.filter((one) =>
    changingRoutes.includes(routeOf(one.endpoint)),
  )) {
    const input = await make();
    const before = (await entries(0)).length;
    const { status, headers } = await send(endpoint, input);
    expect([name, status < 300]).toEqual([name, true]);
    const left = await entries(before);
    const expected = auditedRoutes[routeOf(endpoint)];
    expect([name, left.map(({ action }) => action)]).toEqual([
      name,
      expected === undefined ? [] : expect.arrayContaining([expected]),
    ]);
    for (const { actor_id, address, request_id } of left)
      expect([name, actor_id, address, request_id]).toEqual([
        ...[name, fixture.app.local.userId, "127.0.0.1", headers.get("x-request-id")],
      ]);
  }
});
