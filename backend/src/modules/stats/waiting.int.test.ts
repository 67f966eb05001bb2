import type { WaitingStats } from "@agentvine/contracts";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { approvalOf, type RequestFixture, requestFixture } from "../../testing/request-fixture.ts";
import { buildWorkFixture, type WorkFixture } from "../../testing/work-fixture.ts";

let fixture: WorkFixture;
let requests: RequestFixture;

beforeAll(async () => {
  fixture = await buildWorkFixture({ policy: "default" });
  requests = requestFixture(fixture);
});
afterAll(() => fixture.close());
beforeEach(() => fixture.sql("delete from tasks"));

const read = async (query: string): Promise<WaitingStats> =>
  (await fixture.app.request<WaitingStats>("GET", `/api/v1/stats/waiting?${query}`)).body;

/** Makes a settled request one that was raised, given to people and settled so many seconds before now. */
const took = (id: string, raised: number, people: number | null, settled: number | null) =>
  fixture.sql(
    `update worker_requests set raised_at = now() - make_interval(secs => $2),
       people_since = now() - make_interval(secs => $3), settled_at = now() - make_interval(secs => $4) where id = $1`,
    [id, raised, people, settled],
  );

test("waiting is told in all, per task, per rule and per person, what people had apart from what controllers had", async () => {
  const { claim } = await requests.run({ title: "The slow one" });
  const { claim: quick } = await requests.run({ title: "The quick one", permissionLevel: "autonomous" });
  const [one, two] = [await requests.ask(claim, "One?"), await requests.askToRun(claim, "make two")];
  const three = await requests.ask(quick, "Three?", { kind: "clarification" });
  await requests.answer(one, { text: "1" });
  await requests.answer(two, { decision: "allow" });
  // 100 s and 300 s for people; of the third 10 s for a controller, then 50 s for people.
  await took(one.id, 1_000, 1_000, 900);
  await took(two.id, 1_000, 1_000, 700);
  await took(three.id, 60, 50, null);
  // Settled with its raise: it waited for nobody.
  const { claim: reading } = await requests.run();
  const call = {
    ...approvalOf(""),
    tool: "read_file",
    toolClass: "read" as const,
    arguments: {},
    command: null,
  };
  const approval = { ...call, paths: ["a"] };
  expect((await requests.raise(reading, { kind: "approval", question: "r", approval })).body.status).toBe(
    "answered",
  );

  const byTask = await read("by=task");
  expect(byTask).toMatchObject({ seconds: 86_400, by: "task" });
  expect(byTask.all).toMatchObject({
    requests: 3,
    open: 1,
    people: { requests: 3 },
    controllers: { requests: 1 },
  });
  const { people, controllers } = byTask.all;
  expect(people.secondsTotal).toBeGreaterThanOrEqual(450);
  expect(people.secondsTotal).toBeLessThan(480);
  expect(people.secondsP50).toBeCloseTo(100, 3);
  expect(people.secondsP95).toBeCloseTo(280, 3);
  expect(controllers.secondsTotal).toBeCloseTo(10, 3);
  expect(byTask.items.map(({ id, name, requests: count }) => [id, name, count])).toEqual([
    [claim.task.id, "The slow one", 2],
    [quick.task.id, "The quick one", 1],
  ]);
  const byRule = await read("by=rule");
  expect(byRule.items.map(({ id, people: { secondsP50 } }) => [id, Math.round(secondsP50 ?? 0)])).toEqual([
    ["default.approvals", 300],
    ["default.everything-else", 100],
    ["default.autonomous-clarifications", expect.any(Number)],
  ]);
  const byPerson = await read("by=person");
  expect(byPerson.items).toMatchObject([
    { id: fixture.app.local.userId, name: "Local user", requests: 2, people: { requests: 2 } },
  ]);
});

test("what was raised before the period is left out, and lists are as long as asked for", async () => {
  const { claim } = await requests.run();
  const old = await requests.ask(claim, "Old?");
  await took(old.id, 7_200, 7_200, null);
  await requests.ask(claim, "New?");
  await requests.ask((await requests.run()).claim, "Other?");
  expect((await read("windowSeconds=3600")).all.requests).toBe(2);
  expect((await read("windowSeconds=86400")).all.requests).toBe(3);
  expect((await read("limit=1")).items).toHaveLength(1);
});

test("while nothing has waited there are no percentiles, and a wrong question is refused", async () => {
  expect(await read("")).toMatchObject({
    all: {
      requests: 0,
      open: 0,
      people: { requests: 0, secondsTotal: 0, secondsP50: null, secondsP95: null },
    },
    items: [],
  });
  for (const query of ["windowSeconds=1", "by=worker", "limit=0"])
    expect((await fixture.app.request("GET", `/api/v1/stats/waiting?${query}`)).status).toBe(400);
  const worker = { token: fixture.app.workerKey };
  expect((await fixture.app.request("GET", "/api/v1/stats/waiting", worker)).status).toBe(403);
});
