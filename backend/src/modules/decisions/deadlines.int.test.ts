import type { PolicyDetail, WorkerRequest } from "@agentvine/contracts";
import { waitUntil } from "@agentvine/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type RequestFixture, requestFixture } from "../../testing/request-fixture.ts";
import { buildWorkFixture, type WorkFixture } from "../../testing/work-fixture.ts";

let work: WorkFixture;
let requests: RequestFixture;
let ann: string;

beforeAll(async () => {
  work = await buildWorkFixture({ policy: "default" });
  requests = requestFixture(work);
  const [user] = await work.sql<{ id: string }>(
    `insert into users (id, username, email, role) values (gen_random_uuid(), 'ann', 'ann@example.org', 'developer') returning id`,
  );
  ann = user?.id ?? "";
});
afterAll(() => work.close());

const releases = `rules:
  - id: releases
    effect: human
    deadlineSeconds: 3600
    onTimeout: escalate
    escalation: [{ afterSeconds: 1800, to: ann }]
`;
const byModel = (fields: string) => `rules:
  - id: lint
    effect: automated
    kinds: [approval]
    deadlineSeconds: 60
${fields}`;

async function apply(yaml: string): Promise<void> {
  const { body } = await work.app.request<PolicyDetail>("GET", "/api/v1/policies/active");
  const policy = { yaml, basedOnVersion: body.version };
  expect((await work.app.request("POST", "/api/v1/policies", { body: policy })).status).toBe(201);
}

async function ask(): Promise<WorkerRequest> {
  const { claim } = await requests.run();
  return await requests.askToRun(claim, "npm run lint");
}

/** So much time goes by for a request; what sweeps do about it comes within a second. */
const age = (id: string, seconds: number) =>
  work.sql(
    `update worker_requests set raised_at = raised_at - $2 * interval '1 second',
       people_since = people_since - $2 * interval '1 second', deadline_at = deadline_at - $2 * interval '1 second' where id = $1`,
    [id, seconds],
  );
const until = (id: string, fits: (request: WorkerRequest) => boolean): Promise<WorkerRequest> =>
  waitUntil(async () => {
    const request = await requests.get(id);
    return fits(request) ? request : undefined;
  });
const secondsOpen = ({ raisedAt, deadlineAt }: WorkerRequest): number =>
  (new Date(deadlineAt ?? 0).getTime() - new Date(raisedAt).getTime()) / 1_000;

describe("a chain of the policy", () => {
  test("gives the request to the person it names at its step, and ends it at the deadline of the rule, not later", async () => {
    await apply(releases);
    const raised = await ask();
    expect(raised).toMatchObject({ status: "human", assignedTo: null, ruleId: "releases", escalations: 0 });
    expect(secondsOpen(raised)).toBe(1_800);
    await age(raised.id, 1_801);
    const escalated = await until(raised.id, ({ escalations }) => escalations === 1);
    expect(escalated).toMatchObject({ status: "human", assignedTo: ann });
    expect(secondsOpen(escalated)).toBe(3_600);
    await age(raised.id, 1_800);
    const ended = await until(raised.id, ({ status }) => status !== "human");
    expect(ended).toMatchObject({ status: "denied", answer: { source: "deadline", decision: "deny" } });
    expect(ended.waitedMs).toBeLessThan(3_700_000);
  });

  test("whose person is gone when it comes to them gives the request to everybody, and says why", async () => {
    await apply(releases);
    const { id, routeReason } = await ask();
    await work.sql("update users set is_active = false where id = $1", [ann]);
    await age(id, 1_801);
    const escalated = await until(id, ({ escalations }) => escalations === 1);
    expect(escalated).toMatchObject({ status: "human", assignedTo: null });
    expect(escalated.routeReason).toBe(
      `nobody active is called ann, so everybody has it (before: ${routeReason})`,
    );
    await work.sql("update users set is_active = true where id = $1", [ann]);
    await work.sql("update users set username = 'anna' where id = $1", [ann]);
    const other = await ask();
    await age(other.id, 1_801);
    const renamed = await until(other.id, ({ escalations }) => escalations === 1);
    expect(renamed).toMatchObject({ assignedTo: null, routeReason: expect.stringContaining("ann,") });
    await work.sql("update users set username = 'ann' where id = $1", [ann]);
  });
});

describe("the deadline of a request that a rule gives to a model", () => {
  test("takes it from a model that is late and counts anew for people: it never ends before somebody could see it", async () => {
    await apply(byModel(""));
    const { id } = await ask();
    await work.sql(
      "update worker_requests set lease_token_hash = 'x', lease_expires_at = now() + interval '1 hour' where id = $1",
      [id],
    );
    expect(await requests.get(id)).toMatchObject({ status: "automated" });
    await age(id, 61);
    const { status, deadlineAt, routeReason, waitedForPeopleMs } = await until(
      id,
      (one) => one.status !== "automated",
    );
    expect({ status, routeReason }).toEqual({
      status: "human",
      routeReason: expect.stringContaining("no model answered in its time"),
    });
    expect(new Date(deadlineAt ?? 0).getTime()).toBeGreaterThan(Date.now() + 50_000);
    expect(waitedForPeopleMs).toBeLessThan(30_000);
    await age(id, 61);
    expect(await until(id, (one) => one.status !== "human")).toMatchObject({ status: "denied" });
  });

  test("counts from the hand-over when no controller takes it, and so does its chain", async () => {
    await apply(byModel("    onTimeout: escalate\n    escalation: [{ afterSeconds: 30, to: ann }]\n"));
    const raised = await ask();
    expect([raised.status, secondsOpen(raised)]).toEqual(["automated", 60]);
    await work.sql(
      "update worker_requests set routed_at = now() - interval '8 seconds', raised_at = now() - interval '50 seconds' where id = $1",
      [raised.id],
    );
    const handed = await until(raised.id, ({ status }) => status === "human");
    expect(handed.assignedTo).toBeNull();
    expect(secondsOpen(handed)).toBeGreaterThanOrEqual(80);
    await age(raised.id, 31);
    const escalated = await until(raised.id, ({ escalations }) => escalations === 1);
    expect(escalated.assignedTo).toBe(ann);
    expect(secondsOpen(escalated)).toBeCloseTo(secondsOpen(handed) + 30, 1);
  });

  test("begins when somebody is given it before", async () => {
    await apply(byModel(""));
    const { id } = await ask();
    await age(id, 50);
    const path = `/api/v1/worker-requests/${id}/delegate`;
    const given = await work.app.request<WorkerRequest>("POST", path, { body: { assignedTo: ann } });
    expect(given.body).toMatchObject({ status: "human", assignedTo: ann });
    expect(secondsOpen(given.body)).toBeGreaterThanOrEqual(110);
    const before = secondsOpen(given.body);
    const again = await work.app.request<WorkerRequest>("POST", path, { body: { assignedTo: null } });
    expect(secondsOpen(again.body)).toBe(before);
  });
});
