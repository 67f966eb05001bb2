import { AppError, newId } from "@agentvine/kit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { buildWorkFixture, commitB, type TestWorker, type WorkFixture } from "../../testing/work-fixture.ts";

const terminal = ["task.completed", "task.failed", "task.cancelled", "task.submitted"];
const orderEnds = ["work_order.completed", "work_order.failed", "work_order.cancelled", "work_order.retried"];

let work: WorkFixture;
let worker: TestWorker;
beforeAll(async () => {
  work = await buildWorkFixture();
});
afterAll(() => work.close());
beforeEach(async () => {
  await work.sql("delete from tasks");
  worker = await work.registerWorker({ slots: 50 });
});

const ends = async (taskId: string, types = terminal) =>
  (await work.history(taskId)).filter((type) => types.includes(type));
const codeOf = ({ body }: { body: unknown }) => (body as { error?: { code: string } }).error?.code;

describe("the result of a run", () => {
  it("waits for a person when the task is supervised, and gives the slot back", async () => {
    const task = await work.createTask();
    const claim = await work.mustClaim(worker);
    const { status, body } = await work.complete(claim);
    expect([status, body]).toEqual([
      200,
      {
        workOrderId: claim.workOrder.id,
        attempt: 1,
        status: "completed",
        taskStatus: "in_review",
        availableInMs: null,
      },
    ]);
    expect(await work.getTask(task.id)).toMatchObject({
      status: "in_review",
      assignedTo: null,
      result: {
        outcome: "succeeded",
        verification: "passed",
        commit: commitB,
        branch: null,
        executionId: claim.executionId,
      },
    });
    const [execution] = await work.sql(
      "select status, verification, branch, duration_seconds >= 0 as timed from executions",
    );
    expect(execution).toEqual({
      status: "succeeded",
      verification: "passed",
      branch: `agentvine/${task.id}/a1`,
      timed: true,
    });
    const idle = await work.app.request("GET", `/api/v1/workers/${worker.id}`);
    expect(idle.body).toMatchObject({ status: "idle", activeCount: 0 });
  });

  it("is published at once when the task is autonomous and verified, and only then the task is completed", async () => {
    const task = await work.createTask({ permissionLevel: "autonomous", priority: "low" });
    await work.createTask({ title: "critical", priority: "critical" });
    const first = await work.mustClaim(worker);
    const run = await work.mustClaim(worker);
    expect(first.task.title).toBe("critical");
    expect((await work.complete(run)).body.taskStatus).toBe("in_progress");
    await work.createTask({ title: "critical too", priority: "critical" });
    const push = await work.mustClaim(worker);
    expect(push).toMatchObject({
      attempt: 2,
      checkpoint: null,
      workOrder: {
        kind: "publish",
        payload: { executionId: run.executionId, branch: `agentvine/${task.id}/a1`, commit: commitB },
      },
      task: { id: task.id, status: "in_progress", runs: 1, attempt: 2 },
    });
    expect((await work.publish(push)).body).toMatchObject({ status: "completed", taskStatus: "completed" });
    const done = await work.getTask(task.id);
    expect(done).toMatchObject({
      status: "completed",
      result: { outcome: "succeeded", branch: `agentvine/${task.id}/a1`, commit: commitB },
    });
    expect(done.result?.publishedAt).toBe(done.completedAt);
    expect(await ends(task.id)).toEqual(["task.completed"]);
  });

  it("counts as published only when what was asked for was pushed", async () => {
    await work.createTask({ permissionLevel: "autonomous" });
    await work.complete(await work.mustClaim(worker));
    const push = await work.mustClaim(worker);
    for (const change of [{ branch: "main" }, { commit: "c".repeat(40) }]) {
      const answer = await work.publish(push, change);
      expect([answer.status, codeOf(answer)]).toEqual([400, "request.invalid"]);
    }
    expect((await work.publish(push)).status).toBe(200);
  });

  it("waits for a person when nothing could verify it, even of an autonomous task", async () => {
    const task = await work.createTask({ permissionLevel: "autonomous" });
    const claim = await work.mustClaim(worker);
    await work.complete(claim, await work.runResult(claim, { verification: "unverified" }));
    expect((await work.getTask(task.id)).status).toBe("in_review");
  });

  it("is refused when bundle or diff were not uploaded, or it is not for this kind of order", async () => {
    await work.createTask();
    const claim = await work.mustClaim(worker);
    const missing = await work.complete(claim, await work.runResult(claim, { bundleArtifactId: newId() }));
    expect([missing.status, codeOf(missing)]).toEqual([400, "request.invalid"]);
    const other = await work.publish(claim, { branch: "x" });
    expect([other.status, codeOf(other)]).toEqual([400, "request.invalid"]);
    expect((await work.complete(claim)).status).toBe(200);
  });

  it("may hold what PostgreSQL can't store: NUL and broken surrogates are dropped, not the result", async () => {
    const task = await work.createTask();
    const claim = await work.mustClaim(worker);
    const result = await work.runResult(claim, { summary: "a\u0000b\ud800c" });
    expect((await work.complete(claim, result)).status).toBe(200);
    expect((await work.getTask(task.id)).result?.summary).toBe("ab\ufffdc");
  });
});

describe("fencing", () => {
  it("answers ten parallel repeats of one result alike and applies it once", async () => {
    const task = await work.createTask();
    const claim = await work.mustClaim(worker);
    const result = await work.runResult(claim);
    const answers = await Promise.all(Array.from({ length: 10 }, () => work.complete(claim, result)));
    expect(new Set(answers.map(({ status, body }) => JSON.stringify([status, body]))).size).toBe(1);
    expect(answers[0]?.status).toBe(200);
    expect(await ends(task.id)).toEqual(["task.submitted"]);
    expect(await ends(task.id, orderEnds)).toEqual(["work_order.completed"]);
  });

  it("refuses another result of the same attempt", async () => {
    await work.createTask();
    const claim = await work.mustClaim(worker);
    await work.complete(claim);
    const other = await work.complete(claim, await work.runResult(claim, { summary: "else" }));
    expect([other.status, codeOf(other)]).toEqual([409, "work_order.already_finished"]);
    const failed = await work.fail(claim);
    expect([failed.status, codeOf(failed)]).toEqual([409, "work_order.already_finished"]);
  });

  it("drops the late result of an attempt whose order another one has", async () => {
    const task = await work.createTask();
    const late = await work.mustClaim(worker);
    const result = await work.runResult(late);
    await work.expireLease(late.workOrder.id);
    const claim = await work.mustClaim(await work.registerWorker(), { waitSeconds: 20 });
    expect(claim.attempt).toBe(2);
    const dropped = await work.complete(late, result);
    expect([dropped.status, codeOf(dropped)]).toEqual([409, "work_order.lease_lost"]);
    expect((await work.complete(claim)).status).toBe(200);
    const again = await work.complete(late, result);
    expect([again.status, codeOf(again)]).toEqual([409, "work_order.lease_lost"]);
    expect(await ends(task.id)).toEqual(["task.submitted"]);
    expect((await work.getTask(task.id)).result?.executionId).toBe(claim.executionId);
  });

  it("takes only the token of that very attempt", async () => {
    await work.createTask();
    await work.createTask();
    const [mine, other] = [await work.mustClaim(worker), await work.mustClaim(worker)];
    const body = {
      workOrderId: mine.workOrder.id,
      attempt: 1,
      result: { outcome: "failed", failure: "agent", reason: "x" },
    };
    for (const [token, status, code] of [
      [other.attemptToken, 409, "work_order.lease_lost"],
      [work.app.workerKey, 403, "auth.forbidden"],
      [work.app.token, 403, "auth.forbidden"],
      [mine.attemptToken.slice(0, -2), 401, "auth.invalid"],
      [null, 401, "auth.required"],
    ] as const) {
      const answer = await work.app.request("POST", "/api/v1/queue/fail", { token, body });
      expect([answer.status, codeOf(answer)]).toEqual([status, code]);
    }
    const unknown = await work.app.request("POST", "/api/v1/queue/fail", {
      token: work.app.auth.issueAttemptToken(newId(), 1),
      body,
    });
    expect(unknown.status).toBe(409);
    const gone = newId();
    const deleted = await work.app.request("POST", "/api/v1/queue/fail", {
      token: work.app.auth.issueAttemptToken(gone, 1),
      body: { ...body, workOrderId: gone },
    });
    expect([deleted.status, codeOf(deleted)]).toEqual([404, "work_order.not_found"]);
    const user = { kind: "user" as const, id: newId(), userId: newId(), permissions: [] };
    expect(() => work.app.work.attempts.release(user, { ...body, reason: "" })).toThrow(AppError);
  });

  it("lets exactly one of a completion, a failure and a cancellation win", async () => {
    for (let round = 0; round < 8; round += 1) {
      const task = await work.createTask();
      const claim = await work.mustClaim(worker);
      const result = await work.runResult(claim);
      const [done, failed, cancelled] = await Promise.all([
        work.complete(claim, result),
        work.fail(claim),
        work.app.request("POST", `/api/v1/tasks/${task.id}/cancel`, { body: {} }),
      ]);
      const taken = [done, failed].filter(({ status }) => status === 200);
      expect(taken.length).toBeLessThanOrEqual(1);
      const types = await ends(task.id, orderEnds);
      expect(types).toHaveLength(1);
      const { status } = await work.getTask(task.id);
      // A task under review may still be cancelled afterwards.
      const expected =
        taken[0] === undefined || cancelled.status === 200
          ? "cancelled"
          : done.status === 200
            ? "in_review"
            : "failed";
      expect(status).toBe(expected);
      expect((await ends(task.id)).filter((type) => type !== "task.submitted").length).toBeLessThanOrEqual(1);
    }
  });
});

describe("a failure", () => {
  it("that the world caused is tried again with backoff, until the tries are used up", async () => {
    const task = await work.createTask();
    for (let tries = 1; tries <= 4; tries += 1) {
      const claim = await work.mustClaim(worker);
      expect(claim.attempt).toBe(tries);
      const { body } = await work.fail(claim, { failure: "infrastructure", reason: "disk" });
      expect(body).toMatchObject(
        tries < 4
          ? { status: "pending", taskStatus: "queued", availableInMs: 0 }
          : { status: "failed", taskStatus: "failed", availableInMs: null },
      );
    }
    expect(await work.getTask(task.id)).toMatchObject({
      status: "failed",
      statusReason: "disk",
      result: { outcome: "failed", failure: "infrastructure" },
    });
    const dead = await work.app.request<{ items: { taskId: string }[]; total: number }>(
      "GET",
      "/api/v1/queue/orders?isDeadLetter=true",
    );
    expect(dead.body.items.map((order) => order.taskId)).toEqual([task.id]);
    expect(await ends(task.id)).toEqual(["task.failed"]);
  });

  it("is not tried before the time the provider asked for", async () => {
    await work.createTask();
    const claim = await work.mustClaim(worker);
    const { body } = await work.fail(claim, { isRetryable: true, retryAfterMs: 60_000 });
    expect(body).toMatchObject({ status: "pending", availableInMs: 60_000 });
    expect((await work.claim(worker)).status).toBe(204);
    const status = await work.app.request<{ lanes: { lane: string; delayed: number }[] }>(
      "GET",
      "/api/v1/queue/status",
    );
    expect(status.body.lanes.find(({ lane }) => lane === "default")?.delayed).toBe(1);
  });

  it.each([
    ["agent", "failed"],
    ["verification", "failed"],
    ["setup", "failed"],
    [null, "refused"],
    [null, "timed_out"],
  ])("of kind %s, %s, ends the task with its reason", async (failure, outcome) => {
    const task = await work.createTask();
    const claim = await work.mustClaim(worker);
    const { body } = await work.fail(claim, { failure, outcome, reason: "it says why" });
    expect(body).toMatchObject({ status: "failed", taskStatus: "failed" });
    const failed = await work.getTask(task.id);
    expect(failed).toMatchObject({
      status: "failed",
      statusReason: "it says why",
      result: { outcome, failure },
    });
    expect(failed.result?.verification).toBe(failure === "verification" ? "failed" : null);
  });

  it("repeated gets the same answer, also when the order was queued again by it", async () => {
    await work.createTask();
    const claim = await work.mustClaim(worker);
    const change = { failure: "infrastructure", reason: "x", retryAfterMs: 1_000 };
    const first = await work.fail(claim, change);
    expect((await work.fail(claim, change)).body).toEqual(first.body);
    const [order] = await work.sql("select retry_count from work_orders");
    expect(order).toEqual({ retry_count: 1 });
  });

  it("of a push ends an autonomous task, keeps its result, and a retry pushes without running the agent", async () => {
    const task = await work.createTask({ permissionLevel: "autonomous" });
    await work.complete(await work.mustClaim(worker));
    const push = await work.mustClaim(worker);
    await work.fail(push, { failure: "checkout", reason: "no access" });
    const failed = await work.getTask(task.id);
    expect(failed).toMatchObject({
      status: "failed",
      statusReason: "The push failed: no access",
      result: { failure: "infrastructure", commit: commitB },
    });
    const retried = await work.app.request("POST", `/api/v1/tasks/${task.id}/retry`, { body: {} });
    expect(retried.body).toMatchObject({ status: "queued" });
    const again = await work.mustClaim(worker);
    expect(again).toMatchObject({
      attempt: 3,
      workOrder: { id: push.workOrder.id, kind: "publish", retryCount: 0 },
      task: { status: "in_progress", runs: 1 },
    });
    await work.publish(again);
    expect(await work.getTask(task.id)).toMatchObject({
      status: "completed",
      result: { failure: null, commit: commitB },
    });
  });

  it("that says the worker was cancelled cancels the task", async () => {
    const task = await work.createTask();
    const { body } = await work.fail(await work.mustClaim(worker), { outcome: "cancelled", failure: null });
    expect(body).toMatchObject({ status: "cancelled", taskStatus: "cancelled" });
    expect(await ends(task.id)).toEqual(["task.cancelled"]);
  });
});

describe("an order given back", () => {
  it("by a release is first in its lane again, at once, and not counted", async () => {
    const task = await work.createTask({ title: "first" });
    await work.createTask({ title: "second" });
    const claim = await work.mustClaim(worker);
    const { body } = await work.post(claim, "release", { reason: "drain" });
    expect(body).toMatchObject({ status: "pending", taskStatus: "queued", availableInMs: 0 });
    expect((await work.post(claim, "release", { reason: "drain" })).body).toEqual(body);
    const again = await work.mustClaim(worker);
    expect(again).toMatchObject({
      attempt: 2,
      workOrder: { retryCount: 0, lostLeases: 0 },
      task: { id: task.id },
    });
    const [execution] = await work.sql("select status from executions where attempt = 1");
    expect(execution).toEqual({ status: "released" });
  });

  it("by parking waits without lease or slot, and goes on from its checkpoint with the answer", async () => {
    const task = await work.createTask({ title: "asks" });
    const claim = await work.mustClaim(worker);
    const missing = await work.post(claim, "park", { checkpointId: newId(), reason: "asks" });
    expect([missing.status, codeOf(missing)]).toEqual([404, "checkpoint.not_found"]);
    const checkpointId = await insertCheckpoint(claim.executionId, task.id);
    const { body } = await work.post(claim, "park", { checkpointId, reason: "asks" });
    expect(body).toMatchObject({ status: "parked", taskStatus: "waiting", availableInMs: null });
    expect((await work.claim(worker)).status).toBe(204);
    await work.createTask({ title: "younger" });
    const resume = { workOrderId: claim.workOrder.id, answer: "yes" };
    const resumed = await work.app.request("POST", "/api/v1/queue/resume", { body: resume });
    expect(resumed.body).toMatchObject({ status: "pending" });
    const twice = await work.app.request("POST", "/api/v1/queue/resume", { body: resume });
    expect([twice.status, codeOf(twice)]).toEqual([409, "work_order.illegal_transition"]);
    const next = await work.mustClaim(worker);
    expect(next).toMatchObject({
      attempt: 2,
      task: { id: task.id },
      workOrder: { payload: { followUp: "yes" } },
      checkpoint: { id: checkpointId, attempt: 1 },
    });
    const executions = await work.sql(
      "select attempt, resumed_from_attempt from executions order by attempt",
    );
    expect(executions).toEqual([
      { attempt: 1, resumed_from_attempt: null },
      { attempt: 2, resumed_from_attempt: 1 },
    ]);
  });

  it("a push can't be parked", async () => {
    await work.createTask({ permissionLevel: "autonomous" });
    await work.complete(await work.mustClaim(worker));
    const push = await work.mustClaim(worker);
    const parked = await work.post(push, "park", { checkpointId: newId(), reason: "" });
    expect([parked.status, codeOf(parked)]).toEqual([409, "work_order.illegal_transition"]);
  });
});

async function insertCheckpoint(executionId: string, taskId: string): Promise<string> {
  const [artifactId, id, digest] = [newId(), newId(), newId().replaceAll("-", "").padEnd(64, "0")];
  await work.sql("insert into blobs (digest, size_bytes) values ($1, 1)", [digest]);
  await work.sql(
    `insert into artifacts (id, execution_id, task_id, kind, name, content_type, size_bytes, digest)
     values ($1, $2, $3, 'transcript', $4, 'application/json', 1, $5)`,
    [artifactId, executionId, taskId, artifactId, digest],
  );
  await work.sql(
    `insert into checkpoints (id, task_id, execution_id, attempt, step, driver, base_commit, transcript_artifact_id)
     values ($1, $2, $3, 1, 4, 'builtin', $4, $5)`,
    [id, taskId, executionId, commitB, artifactId],
  );
  return id;
}
