import type { ErrorResponse, Inbox, InboxItem, WorkerRequest } from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { TestResponse } from "../../testing/build-test-app.ts";
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

const ask = (query = ""): Promise<TestResponse<Inbox>> =>
  fixture.app.request("GET", `/api/v1/inbox?${query}`);
const read = async (query = ""): Promise<Inbox> => {
  const { status, body } = await ask(query);
  if (status !== 200) throw new Error(JSON.stringify(body));
  return body;
};
const shown = ({ items }: Inbox) => items.map(({ kind, id }) => `${kind} ${id}`);
/** Everything there is, page by page. */
async function walk(query: string): Promise<InboxItem[]> {
  const items: InboxItem[] = [];
  let after = "";
  do {
    const page = await read(`${query}${after}`);
    items.push(...page.items);
    after = page.next === null ? "" : `&after=${page.next}`;
  } while (after !== "");
  return items;
}
const since = (id: string, minutes: number) =>
  fixture.sql("update worker_requests set people_since = now() - make_interval(mins => $2) where id = $1", [
    id,
    minutes,
  ]);
const planOf = (steps: string[]) => ({
  ...approvalOf("x"),
  subject: "plan" as const,
  command: null,
  arguments: {},
  steps,
});

/** One of each that waits, and beside them what does not. */
async function everything() {
  const { claim } = await requests.run();
  const question = await requests.ask(claim, "Which port?");
  const approval = await requests.askToRun(claim, "make deploy");
  const settled = await requests.ask(claim, "Which host?");
  await requests.answer(settled, { text: "localhost" });
  const { claim: planned } = await requests.run({ permissionLevel: "human_required", type: "docs" });
  const plan = await requests.raise(planned, {
    ...{ kind: "approval", question: "The plan", approval: planOf(["read", "write"]) },
  });
  const reviewed = await requests.run({ priority: "high" });
  await fixture.complete(reviewed.claim);
  const proposed = await fixture.createTask({ enqueue: false, priority: "low" });
  await fixture.sql("update tasks set created_by_execution_id = $2 where id = $1", [proposed.id, newId()]);
  await fixture.createTask({ enqueue: false });
  const failed = await requests.run({ title: "Lay the ground" });
  const blocked = await fixture.createTask({ dependsOn: [failed.claim.task.id], priority: "low" });
  // Waits for what still runs: that needs nobody.
  await fixture.createTask({ dependsOn: [claim.task.id] });
  await fixture.fail(failed.claim);
  return { question, approval, plan: plan.body, review: reviewed.claim.task, proposed, blocked, claim };
}

test("everything that waits for a person is one list, over all tasks, with counts, and nothing else is in it", async () => {
  const { question, approval, plan, review, proposed, blocked, claim } = await everything();
  const inbox = await read();
  expect(new Set(shown(inbox))).toEqual(
    new Set([
      ...[`question ${question.id}`, `approval ${approval.id}`, `plan ${plan.id}`],
      ...[`review ${review.id}`, `proposed_task ${proposed.id}`],
      `blocked ${blocked.id}`,
    ]),
  );
  expect(inbox.counts).toEqual({
    ...{ clarification: 0, question: 1, approval: 1, plan: 1, review: 1, proposed_task: 1, blocked: 1 },
  });
  expect(inbox.items.find(({ id }) => id === approval.id)).toMatchObject({
    ...{ taskId: claim.task.id, taskTitle: "Mend it", taskType: "bugfix", taskPriority: "normal" },
    ...{ headline: "Asks for leave: make deploy", generation: 1, assignedTo: null, alikeCount: 0 },
    deadlineAt: expect.any(String),
  });
  expect(inbox.items.find(({ id }) => id === review.id)).toMatchObject({
    ...{ taskId: review.id, generation: null, deadlineAt: null, headline: expect.stringContaining("review") },
  });
  expect(inbox.items.find(({ id }) => id === blocked.id)?.headline).toMatch(
    /^Waits for "Lay the ground", which failed\. Retry it/,
  );
  expect(inbox.items.map(({ taskPriority }) => taskPriority)).toEqual([
    "high",
    "normal",
    "normal",
    "normal",
    "low",
    "low",
  ]);
});

test("documents and rules that were proposed are counted beside it", async () => {
  await fixture.sql(
    `insert into context_documents (id, title, document_type, content, status, version, created_by, words, terms)
     values ($1, 'Answer', 'reference', 'x', 'proposed', 1, 'controller', '', '')`,
    [newId()],
  );
  const { claim } = await requests.run();
  await requests.answer(await requests.askToRun(claim, `make ${newId()}`), {
    decision: "allow",
    scope: "rule",
  });
  expect((await read(`taskId=${newId()}`)).beside).toEqual({ proposedDocuments: 1, proposedRules: 1 });
});

test("what a controller has is nobody's yet, and is there once it is given to people", async () => {
  const { claim } = await requests.run({ permissionLevel: "autonomous" });
  const asked = await requests.ask(claim, "Which port?", { kind: "clarification" });
  expect(asked.status).toBe("automated");
  expect((await read()).items).toEqual([]);
  await fixture.app.request("POST", `/api/v1/worker-requests/${asked.id}/delegate`, {
    body: { assignedTo: null },
  });
  expect(shown(await read())).toEqual([`clarification ${asked.id}`]);
});

describe("filters", () => {
  test("narrow it by kind, task, repository and priority; counts are of what the other filters leave", async () => {
    const { question, approval, review, claim } = await everything();
    expect(shown(await read("kind=review"))).toEqual([`review ${review.id}`]);
    expect((await read("kind=review")).counts).toMatchObject({ question: 1, approval: 1, review: 1 });
    expect(shown(await read(`taskId=${claim.task.id}`)).sort()).toEqual(
      [`approval ${approval.id}`, `question ${question.id}`].sort(),
    );
    expect(shown(await read("priority=high,low&kind=review,question"))).toEqual([`review ${review.id}`]);
    expect((await read(`repositoryId=${newId()}`)).items).toEqual([]);
    expect((await read(`repositoryId=${review.repositoryId}`)).items).toHaveLength(6);
  });

  test("what waits for me is what was given to me or to everybody, not what somebody else has", async () => {
    const { claim } = await requests.run();
    const [mine, everybodys, others] = [
      await requests.ask(claim, "One?"),
      await requests.ask(claim, "Two?"),
      await requests.ask(claim, "Three?"),
    ];
    const [somebody] = await fixture.sql<{ id: string }>(
      "insert into users (id, username, email, role) select $1, 'other', 'other@example.org', role from users limit 1 returning id",
      [newId()],
    );
    const give = ({ id }: WorkerRequest, to: string | undefined) =>
      fixture.sql("update worker_requests set assigned_to = $2 where id = $1", [id, to]);
    await give(mine, fixture.app.local.userId);
    await give(others, somebody?.id);
    expect((await read("isMine=true")).items.map(({ id }) => id).sort()).toEqual(
      [mine.id, everybodys.id].sort(),
    );
    expect((await read("isMine=false")).items.map(({ id }) => id)).toEqual([others.id]);
    expect((await read("isMine=true")).counts.question).toBe(2);
  });
});

describe("pages", () => {
  test.each(["urgent", "newest", "oldest"])("walked in the order %s tell everything once", async (sort) => {
    await everything();
    const { claim } = await requests.run({ priority: "critical" });
    const many: string[] = [];
    for (let index = 0; index < 6; index += 1) many.push((await requests.ask(claim, `Number ${index}?`)).id);
    // Several at the very same moment, some far apart.
    for (const [index, id] of many.entries()) await since(id, index < 3 ? 5 : index * 10);
    const whole = await walk(`sort=${sort}&limit=100`);
    expect(whole).toHaveLength(12);
    expect((await walk(`sort=${sort}&limit=2`)).map(({ id }) => id)).toEqual(whole.map(({ id }) => id));
    const moments = whole.map((item) => item.since);
    if (sort === "urgent")
      expect(whole.slice(0, 6).every((item) => item.taskPriority === "critical")).toBe(true);
    else expect(moments).toEqual(sort === "newest" ? moments.toSorted().reverse() : moments.toSorted());
  });

  test("go on behind what was answered meanwhile: nothing is left out and nothing comes twice", async () => {
    const { claim } = await requests.run();
    const asked: WorkerRequest[] = [];
    for (let index = 0; index < 5; index += 1) asked.push(await requests.ask(claim, `Number ${index}?`));
    const first = await read("sort=oldest&limit=2");
    for (const request of asked.slice(0, 3)) await requests.answer(request, { text: "yes" });
    const second = await read(`sort=oldest&limit=2&after=${first.next}`);
    expect(second.items.map(({ id }) => id)).toEqual(asked.slice(3).map(({ id }) => id));
    expect(second.next).toBeNull();
  });

  test.each([
    ["made up", "bm90aGluZw"],
    ["of another order", Buffer.from(JSON.stringify(["newest", 0, "1", "1", newId()])).toString("base64url")],
    ["no word at all", "%20"],
  ])("a place that is %s is refused by field", async (_name, after) => {
    const { status, body } = await ask(`sort=oldest&after=${after}`);
    expect(status).toBe(400);
    expect((body as unknown as ErrorResponse).error).toMatchObject({
      code: "request.invalid",
      issues: [{ path: "after" }],
    });
  });
});

test("the keys of workers and the tokens of attempts read nobody's inbox", async () => {
  const { claim } = await requests.run();
  for (const token of [fixture.app.workerKey, claim.attemptToken])
    expect((await fixture.app.request("GET", "/api/v1/inbox", { token })).status).toBe(403);
});
