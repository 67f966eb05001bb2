import type { Claim, Event, Message, Subtask, Task, TaskCreateInput } from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { buildWorkFixture, type TestWorker, type WorkFixture } from "../../testing/work-fixture.ts";

let work: WorkFixture;
let worker: TestWorker;
beforeAll(async () => {
  work = await buildWorkFixture();
  worker = await work.registerWorker({ slots: 100 });
});
afterAll(() => work.close());
afterEach(() => work.sql("delete from tasks"));

type Reply = Subtask & { error: { code: string; message: string } };
const propose = (claim: Claim, change: Record<string, unknown> = {}, token = claim.attemptToken) =>
  work.app.request<Reply>("POST", "/api/v1/tasks/for-attempt", {
    token,
    body: {
      workOrderId: claim.workOrder.id,
      attempt: claim.attempt,
      title: "Mend the shipping costs",
      type: "bugfix",
      ...change,
    },
  });
const aRun = async (change: Partial<TaskCreateInput> = {}): Promise<Claim> => {
  await work.createTask(change);
  return await work.mustClaim(worker);
};
const children = async (claim: Claim): Promise<Task[]> =>
  (await work.app.request<{ items: Task[] }>("GET", `/api/v1/tasks?parentTaskId=${claim.task.id}`)).body
    .items;

describe("a task that an agent proposes", () => {
  it("is of the same repository, says who proposed it, and runs only when a person queues it", async () => {
    const claim = await aRun({ requiredLabels: [], timeoutSeconds: 120, limits: { stepsMax: 7 } });
    const { status, body } = await propose(claim, { description: "Same mistake." });
    expect([status, body]).toMatchObject([
      200,
      { status: "pending", permissionLevel: "supervised", isNew: true },
    ]);
    expect(await work.getTask(body.taskId)).toMatchObject({
      ...{ title: "Mend the shipping costs", description: "Same mistake.", status: "pending" },
      ...{ parentTaskId: claim.task.id, createdByExecutionId: claim.executionId },
      ...{ repositoryId: claim.task.repositoryId, repositoryUrl: claim.task.repositoryUrl },
      ...{ createdBy: claim.task.createdBy, timeoutSeconds: 120, limits: { stepsMax: 7 }, dependsOn: [] },
    });
    expect((await work.claim(worker)).status).toBe(204);
    const queued = await work.app.request("POST", "/api/v1/queue/enqueue", { body: { taskId: body.taskId } });
    expect(queued.status).toBe(201);
    expect((await work.mustClaim(worker)).task.id).toBe(body.taskId);
  });

  it.each([
    ["autonomous", "critical", "supervised", "normal"],
    ["supervised", "low", "supervised", "low"],
  ] as const)(
    "below an %s task of priority %s is %s and %s",
    async (permissionLevel, priority, level, rank) => {
      const claim = await aRun({ permissionLevel, priority });
      const { body } = await propose(claim);
      expect(await work.getTask(body.taskId)).toMatchObject({ permissionLevel: level, priority: rank });
    },
  );

  it("below a human_required task is human_required", async () => {
    const claim = await aRun({ permissionLevel: "human_required" });
    expect((await propose(claim)).body.permissionLevel).toBe("human_required");
  });

  it("is shown in the conversation of its parent and in the history, with its execution", async () => {
    const claim = await aRun();
    const { body } = await propose(claim);
    const { body: conversation } = await work.app.request<{ id: string }>(
      "POST",
      "/api/v1/chat/conversations",
      { body: { taskId: claim.task.id } },
    );
    const { body: messages } = await work.app.request<{ items: Message[] }>(
      "GET",
      `/api/v1/chat/conversations/${conversation.id}/messages`,
    );
    expect(messages.items).toMatchObject([
      { kind: "event", senderKind: "agent", content: expect.stringContaining(body.taskId) },
    ]);
    const [created] = await work.sql<Pick<Event, "data">>(
      "select data from events where task_id = $1 and type = 'task.created'",
      [body.taskId],
    );
    expect(created?.data).toMatchObject({ createdByExecutionId: claim.executionId });
  });
});

describe("proposing", () => {
  it("the same again, at once or by the next attempt, makes one task", async () => {
    const claim = await aRun();
    const replies = await Promise.all([1, 2, 3, 4].map(() => propose(claim)));
    expect(new Set(replies.map(({ body }) => body.taskId)).size).toBe(1);
    expect(replies.filter(({ body }) => body.isNew)).toHaveLength(1);
    await work.post(claim, "release", { reason: "drained" });
    const next = await work.mustClaim(worker);
    expect(next.task.id).toBe(claim.task.id);
    const again = await propose(next, { title: "  mend the  SHIPPING costs" });
    expect(again.body).toMatchObject({ taskId: replies[0]?.body.taskId, isNew: false });
    expect((await propose(next, { type: "test" })).body.isNew).toBe(true);
    expect(await children(claim)).toHaveLength(2);
  });

  it("is bounded for an execution, also when all come at once, and for a task over all its executions", async () => {
    let claim = await aRun();
    const replies = await Promise.all(
      Array.from({ length: 9 }, (_, index) => propose(claim, { title: `Part ${index}` })),
    );
    expect(replies.map(({ status }) => status).sort()).toEqual([
      ...Array(5).fill(200),
      ...Array(4).fill(409),
    ]);
    expect(replies.find(({ status }) => status === 409)?.body.error).toMatchObject({
      code: "task.subtask_limit",
      message: expect.stringMatching(/5 tasks/),
    });
    for (let round = 1; round < 5; round += 1) {
      await work.post(claim, "release", { reason: "drained" });
      claim = await work.mustClaim(worker);
      for (let index = 0; index < 5; index += 1) await propose(claim, { title: `Part ${round}-${index}` });
    }
    expect(await children(claim)).toHaveLength(20);
    expect((await propose(claim, { title: "one more" })).body.error.message).toMatch(/^20 tasks/);
  });

  it("is for the attempt that holds the lease, for its own work, and for a run", async () => {
    const claim = await aRun();
    const other = await aRun({ title: "other" });
    expect((await propose(claim, {}, other.attemptToken)).body.error.code).toBe("work_order.lease_lost");
    expect((await propose(claim, {}, work.app.workerKey)).status).toBe(403);
    const person = await work.app.request("POST", "/api/v1/tasks/for-attempt", {
      body: { workOrderId: claim.workOrder.id, attempt: claim.attempt, title: "x", type: "docs" },
    });
    expect(person.status).toBe(403);
    await work.fail(claim);
    expect((await propose(claim)).body.error.code).toBe("work_order.lease_lost");
    await work.fail(other);

    const published = await aRun({ permissionLevel: "autonomous" });
    await work.complete(published);
    const publish = await work.mustClaim(worker);
    expect((await propose(publish)).body.error).toMatchObject({ code: "request.invalid" });
    expect(await children(claim)).toEqual([]);
  });

  it.each([
    ["no title", { title: " " }, "title"],
    ["a title as long as a book", { title: "x".repeat(1_000_000 - 1_000) }, "title"],
    ["a description that is too long", { description: "x".repeat(20_001) }, "description"],
    ["a type there is not", { type: "deploy" }, "type"],
  ])("with %s is refused and names the field", async (_name, change, field) => {
    const claim = await aRun();
    const { status, body } = await propose(claim, change);
    expect([status, body.error.code]).toEqual([400, "request.invalid"]);
    expect(body.error.message).toContain(field);
    expect(await children(claim)).toEqual([]);
  });

  it("can't choose level, repository or parent", async () => {
    const claim = await aRun();
    const { body } = await propose(claim, {
      ...{ permissionLevel: "autonomous", enqueue: true, priority: "critical" },
      ...{ repositoryUrl: "https://example.org/other.git", parentTaskId: newId() },
    });
    expect(await work.getTask(body.taskId)).toMatchObject({
      ...{ permissionLevel: "supervised", status: "pending", priority: "normal" },
      ...{ repositoryId: claim.task.repositoryId, parentTaskId: claim.task.id },
    });
  });
});
