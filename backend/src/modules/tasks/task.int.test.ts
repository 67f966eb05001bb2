import type { Task } from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import { waitUntil } from "@agentvine/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  buildWorkFixture,
  commitA,
  commitB,
  type TestWorker,
  type WorkFixture,
} from "../../testing/work-fixture.ts";

let work: WorkFixture;
let worker: TestWorker;
beforeAll(async () => {
  work = await buildWorkFixture();
  worker = await work.registerWorker({ slots: 100 });
});
afterAll(() => work.close());
beforeEach(() => work.sql("delete from tasks"));

interface Answer {
  status: number;
  body: Task & { error?: { code: string; message: string } };
}
const call = (method: string, path: string, body?: unknown): Promise<Answer> =>
  work.app.request(method, `/api/v1/tasks${path}`, body === undefined ? {} : { body });
const create = (body: Record<string, unknown>) =>
  call("POST", "", { title: "t", type: "docs", repositoryUrl: work.repositoryPath, ...body });
const codeOf = ({ status, body }: Answer) => [status, body.error?.code];
/** A task whose result waits for a person. */
const inReview = async (change: Record<string, unknown> = {}) => {
  const task = await work.createTask(change);
  const claim = await work.mustClaim(worker);
  await work.complete(claim);
  return { task, claim };
};

/** The same with that diff as its result. */
const inReviewOf = async (patch: string) => {
  const task = await work.createTask();
  const claim = await work.mustClaim(worker);
  const digest = (await import("node:crypto")).createHash("sha256").update(patch).digest("hex");
  const uploaded = await fetch(
    `${work.app.url}/api/v1/executions/${claim.executionId}/artifacts?kind=diff&name=diff.patch&digest=${digest}`,
    { method: "PUT", headers: { authorization: `Bearer ${claim.attemptToken}` }, body: patch },
  );
  const artifact = (await uploaded.json()) as { id: string };
  await work.complete(claim, await work.runResult(claim, { diffArtifactId: artifact.id }));
  return { task, claim };
};

describe("making a task", () => {
  it("makes it once, though the backend or its database died behind the commit and the client asks again", async () => {
    const key = `key-${newId()}`;
    const ask = () =>
      work.app.request<Task>("POST", "/api/v1/tasks", {
        body: { title: "t", type: "docs", repositoryUrl: work.repositoryPath },
        headers: { "idempotency-key": key },
      });
    const first = await ask();
    // The task is there, but whoever made it could not store the answer any more.
    await work.sql(
      `update idempotency_keys set status = 'in_progress', response = null, response_status = null,
         held_until = now() - interval '1 second' where key = $1`,
      [key],
    );
    const again = await ask();
    expect([again.status, again.body.id]).toEqual([201, first.body.id]);
    const [counted] = await work.sql("select count(*)::int as tasks from tasks");
    expect(counted).toEqual({ tasks: 1 });
    expect((await work.history(first.body.id)).filter((type) => type === "task.created")).toHaveLength(1);
  });

  it("queues it, or leaves it pending until it is enqueued", async () => {
    const queued = await create({
      description: "d",
      issueNumber: 7,
      context: { a: 1 },
      metadata: { b: [2] },
    });
    expect([queued.status, queued.body]).toMatchObject([
      201,
      {
        title: "t",
        status: "queued",
        permissionLevel: "supervised",
        priority: "normal",
        issueNumber: 7,
        context: { a: 1 },
        metadata: { b: [2] },
        attempt: 0,
        dependsOn: [],
        createdBy: work.app.local.userId,
      },
    ]);
    const pending = await create({ enqueue: false });
    expect(pending.body.status).toBe("pending");
    const enqueue = () =>
      work.app.request("POST", "/api/v1/queue/enqueue", { body: { taskId: pending.body.id } });
    const first = await enqueue();
    expect([first.status, first.body]).toMatchObject([
      201,
      { taskId: pending.body.id, status: "pending", queueName: "default" },
    ]);
    expect((await enqueue()).status).toBe(409);
  });

  it("knows a repository by its id or by any of its addresses", async () => {
    const byUrl = await create({});
    const byId = await create({ repositoryUrl: undefined, repositoryId: byUrl.body.repositoryId });
    expect(byId.body.repositoryId).toBe(byUrl.body.repositoryId);
    expect(codeOf(await create({ repositoryUrl: undefined, repositoryId: newId() }))).toEqual([
      404,
      "repository.not_found",
    ]);
    expect((await create({ repositoryUrl: "/nowhere/at/all" })).status).toBe(400);
  });

  it("takes every permission level, also later", async () => {
    for (const permissionLevel of ["autonomous", "supervised", "human_required"] as const) {
      expect((await create({ permissionLevel })).body.permissionLevel).toBe(permissionLevel);
      const { body } = await create({});
      const changed = await call("PATCH", `/${body.id}`, { permissionLevel });
      expect([changed.status, changed.body]).toMatchObject([200, { permissionLevel }]);
    }
  });

  it("names the field that refers to a task that does not exist", async () => {
    for (const field of ["dependsOn", "parentTaskId"]) {
      const answer = await create({ [field]: field === "dependsOn" ? [newId()] : newId() });
      expect([answer.status, answer.body]).toMatchObject([
        400,
        { error: { code: "request.invalid", issues: [{ path: field }] } },
      ]);
    }
    const { body: parent } = await create({});
    expect((await create({ parentTaskId: parent.id })).body.parentTaskId).toBe(parent.id);
  });

  it("keeps any text as it is, and nothing of it is taken as SQL or a pattern", async () => {
    const nasty = `'; drop table tasks; -- %_\\ $(rm -rf /) \`id\` "<script>" 😀`;
    const { body } = await create({
      title: nasty,
      description: `${nasty}\n\ud800`,
      context: { [nasty]: "\ud83d" },
    });
    expect(body.title).toBe(nasty);
    expect(body.description).toBe(`${nasty}\n\ufffd`);
    expect(Object.keys(body.context)).toEqual([nasty]);
    const found = await work.app.request<{ total: number }>(
      "GET",
      `/api/v1/tasks?search=${encodeURIComponent(nasty)}`,
    );
    expect(found.body.total).toBe(1);
    const percent = await work.app.request<{ total: number }>(
      "GET",
      `/api/v1/tasks?search=${encodeURIComponent("%x%")}`,
    );
    expect(percent.body.total).toBe(0);
  });

  it("is done once under one idempotency key", async () => {
    const key = newId();
    const post = () =>
      work.app.request<Task>("POST", "/api/v1/tasks", {
        headers: { "idempotency-key": key },
        body: { title: "once", type: "docs", repositoryUrl: work.repositoryPath },
      });
    const [first, second] = [await post(), await post()];
    expect(second.body.id).toBe(first.body.id);
  });

  it("belongs to whoever made the key when a machine makes it", async () => {
    const key = await work.app.request<{ secret: string }>("POST", "/api/v1/api-keys", {
      body: { name: "ci", permissions: ["tasks:write", "tasks:read"] },
    });
    const made = await work.app.request<Task>("POST", "/api/v1/tasks", {
      token: key.body.secret,
      body: { title: "by key", type: "docs", repositoryUrl: work.repositoryPath },
    });
    expect([made.status, made.body.createdBy]).toEqual([201, work.app.local.userId]);
  });
});

describe("a task that no worker could run", () => {
  it("is refused with the remedy, and taken once a worker can", async () => {
    const strict = await buildWorkFixture({ allowsUnrunnable: false });
    try {
      const tryIt = () =>
        strict.app.request<Answer["body"]>("POST", "/api/v1/tasks", {
          body: { title: "t", type: "docs", repositoryUrl: strict.repositoryPath },
        });
      const nobody = await tryIt();
      expect([nobody.status, nobody.body.error]).toMatchObject([
        409,
        { code: "task.no_worker", message: expect.stringMatching(/agentvine up/) },
      ]);
      const helper = await strict.registerWorker({ capabilities: { taskTypes: ["docs"], agents: [] } });
      expect((await tryIt()).body.error?.message).toMatch(/model/);
      await strict.registerWorker({ name: helper.name, capabilities: { taskTypes: ["docs"] } });
      expect((await tryIt()).status).toBe(201);
      await strict.sql(
        "update workers set status = 'offline', last_heartbeat_at = now() - interval '2 hours'",
      );
      expect((await tryIt()).body.error?.message).toMatch(/offline/);
      const pending = await strict.app.request<Task>("POST", "/api/v1/tasks", {
        body: { title: "t", type: "docs", repositoryUrl: strict.repositoryPath, enqueue: false },
      });
      expect(pending.status).toBe(201);
      const enqueued = await strict.app.request("POST", "/api/v1/queue/enqueue", {
        body: { taskId: pending.body.id },
      });
      expect([enqueued.status, enqueued.body]).toMatchObject([409, { error: { code: "task.no_worker" } }]);
      const patched = await strict.app.request("PATCH", `/api/v1/tasks/${pending.body.id}`, {
        body: { status: "queued" },
      });
      expect([patched.status, patched.body]).toMatchObject([409, { error: { code: "task.no_worker" } }]);
    } finally {
      await strict.close();
    }
  });
});

describe("a busy pool of connections", () => {
  it("does not make a change wait for a second connection while it holds one", async () => {
    const small = await buildWorkFixture({ allowsUnrunnable: false, databaseConnections: 1 });
    try {
      await small.registerWorker();
      const task = await small.createTask({ enqueue: false });
      const queued = await small.app.request<Task>("PATCH", `/api/v1/tasks/${task.id}`, {
        body: { status: "queued" },
      });
      expect([queued.status, queued.body.status]).toEqual([200, "queued"]);
    } finally {
      await small.close();
    }
  });
});

describe("reading tasks", () => {
  it("filters, sorts and pages", async () => {
    await create({ title: "a low", priority: "low", type: "docs" });
    await create({ title: "b critical", priority: "critical", type: "test" });
    const { body: parent } = await create({ title: "c normal", type: "test", enqueue: false });
    await create({ title: "d child", parentTaskId: parent.id, priority: "high", description: "Findable" });
    const list = async (query: string) => {
      const { body } = await work.app.request<{ items: Task[]; total: number; pages: number }>(
        "GET",
        `/api/v1/tasks?${query}`,
      );
      return body;
    };
    const titles = async (query: string) => (await list(query)).items.map((task) => task.title[0]).join("");
    expect(await titles("")).toBe("dcba");
    expect(await titles("order=asc")).toBe("abcd");
    expect(await titles("sort=priority&order=desc")).toBe("bdca");
    expect(await titles("sort=title&order=asc")).toBe("abcd");
    expect(await titles("type=test&order=asc")).toBe("bc");
    expect(await titles("priority=low,high&order=asc")).toBe("ad");
    expect(await titles("status=pending")).toBe("c");
    expect(await titles(`parentTaskId=${parent.id}`)).toBe("d");
    expect(await titles("search=FINDABLE")).toBe("d");
    expect(await titles(`repositoryId=${parent.repositoryId}&isLive=true&order=asc`)).toBe("abcd");
    expect(await titles("isLive=false")).toBe("");
    expect(await list("page=2&pageSize=3")).toMatchObject({
      total: 4,
      pages: 2,
      items: [{ title: "a low" }],
    });
  });

  it("answers 404 for one that is not there, by every route", async () => {
    const id = newId();
    for (const [method, path, body] of [
      ["GET", "", undefined],
      ["PATCH", "", { title: "x" }],
      ["DELETE", "", undefined],
      ["POST", "/cancel", {}],
      ["POST", "/retry", {}],
      ["POST", "/review", { decision: "approve" }],
      ["GET", "/diff", undefined],
      ["GET", "/timeline", undefined],
      ["GET", "/dependencies", undefined],
      ["DELETE", `/dependencies/${newId()}`, undefined],
      ["POST", "/dependencies", { dependsOnTaskId: newId() }],
    ] as const) {
      expect(codeOf(await call(method, `/${id}${path}`, body))).toEqual([404, "task.not_found"]);
    }
  });

  it("shows its timeline, oldest first and from a position on", async () => {
    const { task } = await inReview();
    const read = async (after: number) =>
      (
        await work.app.request<{ items: { type: string; position: number }[]; next: number }>(
          "GET",
          `/api/v1/tasks/${task.id}/timeline?after=${after}`,
        )
      ).body;
    const all = await waitUntil(async () => {
      const { items } = await read(0);
      return items.some(({ type }) => type === "task.submitted") ? items : undefined;
    });
    expect(all.map(({ type }) => type)).toEqual(await work.history(task.id));
    const [first] = all;
    expect((await read(first?.position ?? 0)).items).toHaveLength(all.length - 1);
  });
});

describe("changing a task", () => {
  it("changes what was named and nothing else", async () => {
    const { body: task } = await create({ branchName: "main" });
    const { body } = await call("PATCH", `/${task.id}`, {
      title: "new",
      branchName: null,
      metadata: { x: 1 },
    });
    expect(body).toMatchObject({
      title: "new",
      branchName: null,
      metadata: { x: 1 },
      status: "queued",
      type: "docs",
    });
    expect((await call("PATCH", `/${task.id}`, {})).status).toBe(400);
  });

  it("takes cancelled and queued as status and refuses every other move", async () => {
    const { body: task } = await create({ enqueue: false });
    for (const status of ["in_progress", "completed", "failed", "in_review", "waiting", "blocked"]) {
      expect(codeOf(await call("PATCH", `/${task.id}`, { status }))).toEqual([
        409,
        "task.illegal_transition",
      ]);
    }
    expect((await call("PATCH", `/${task.id}`, { status: "queued" })).body.status).toBe("queued");
    expect((await call("PATCH", `/${task.id}`, { status: "queued" })).status).toBe(200);
    expect((await call("PATCH", `/${task.id}`, { status: "cancelled" })).body.status).toBe("cancelled");
    expect(codeOf(await call("PATCH", `/${task.id}`, { status: "queued" }))).toEqual([
      409,
      "task.illegal_transition",
    ]);
    const failed = await work.createTask();
    await work.fail(await work.mustClaim(worker));
    expect((await call("PATCH", `/${failed.id}`, { status: "queued" })).body.status).toBe("queued");
  });
});

describe("deleting a task", () => {
  it("is refused while it lives, and afterwards takes everything of it along", async () => {
    const { task } = await inReview();
    expect(codeOf(await call("DELETE", `/${task.id}`))).toEqual([409, "task.live"]);
    await call("POST", `/${task.id}/cancel`, {});
    expect((await call("DELETE", `/${task.id}`)).status).toBe(204);
    for (const table of ["tasks", "work_orders", "executions", "artifacts", "worker_assignments"]) {
      expect(await work.sql(`select 1 from ${table} limit 1`)).toEqual([]);
    }
  });

  it("is refused while another task waits for it", async () => {
    const { body: task } = await create({ enqueue: false });
    const { body: dependent } = await create({ dependsOn: [task.id] });
    await call("POST", `/${task.id}/cancel`, {});
    expect(codeOf(await call("DELETE", `/${task.id}`))).toEqual([409, "task.live"]);
    await call("DELETE", `/${dependent.id}/dependencies/${task.id}`);
    expect((await call("DELETE", `/${task.id}`)).status).toBe(204);
  });
});

describe("cancelling a task", () => {
  it("that is queued takes its order out of the queue", async () => {
    const task = await work.createTask();
    const { body } = await call("POST", `/${task.id}/cancel`, { reason: "not needed" });
    expect(body).toMatchObject({ status: "cancelled", statusReason: "not needed" });
    expect((await work.claim(worker)).status).toBe(204);
    expect(codeOf(await call("POST", `/${task.id}/cancel`, {}))).toEqual([409, "task.illegal_transition"]);
  });

  it("that runs ends the lease at once and tells the worker", async () => {
    const task = await work.createTask();
    const claim = await work.mustClaim(worker);
    const poll = work.app.request<{ items: unknown[] }>(
      "GET",
      `/api/v1/workers/${worker.id}/commands?instanceId=${worker.instanceId}&waitSeconds=20`,
      { token: work.app.workerKey },
    );
    const { body } = await call("POST", `/${task.id}/cancel`, { reason: "stop it" });
    expect(body.status).toBe("cancelled");
    expect((await poll).body.items).toMatchObject([
      { type: "cancel", workOrderId: claim.workOrder.id, attempt: 1, reason: "stop it" },
    ]);
    const heartbeat = await work.heartbeat(worker, {
      orders: [{ workOrderId: claim.workOrder.id, attempt: 1 }],
    });
    expect(heartbeat.body).toMatchObject({ renewed: [], lost: [{ workOrderId: claim.workOrder.id }] });
    expect((await work.complete(claim)).status).toBe(409);
    const reported = await work.fail(claim, { outcome: "cancelled", failure: null, reason: "stopped" });
    expect([reported.status, reported.body]).toMatchObject([
      200,
      { status: "cancelled", taskStatus: "cancelled" },
    ]);
    expect((await work.history(task.id)).filter((type) => type === "task.cancelled")).toHaveLength(1);
    expect((await work.app.work.workers.get(worker.id)).activeCount).toBe(0);
  });
});

describe("a review", () => {
  it("that approves publishes the result; a second one is refused", async () => {
    const { task, claim } = await inReview();
    const approve = () => call("POST", `/${task.id}/review`, { decision: "approve", comment: "fine" });
    const answers = await Promise.all([approve(), approve(), approve()]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409]);
    const push = await work.mustClaim(worker);
    expect(push).toMatchObject({
      attempt: 2,
      workOrder: {
        kind: "publish",
        payload: {
          executionId: claim.executionId,
          baseCommit: commitA,
          commit: commitB,
          branch: `agentvine/${task.id}/a1`,
        },
      },
      task: { status: "in_review" },
    });
    await work.publish(push);
    expect(await work.getTask(task.id)).toMatchObject({
      status: "completed",
      statusReason: "",
      result: { branch: `agentvine/${task.id}/a1` },
    });
    expect(codeOf(await approve())).toEqual([409, "task.illegal_transition"]);
  });

  it("whose push fails stays a review and can be pushed again", async () => {
    const { task } = await inReview();
    await call("POST", `/${task.id}/review`, { decision: "approve" });
    await work.fail(await work.mustClaim(worker), { failure: "checkout", reason: "no access" });
    expect(await work.getTask(task.id)).toMatchObject({
      status: "in_review",
      statusReason: expect.stringMatching(/push failed: no access/),
    });
    expect((await call("POST", `/${task.id}/retry`, {})).body).toMatchObject({
      status: "in_review",
      statusReason: "",
    });
    await work.fail(await work.mustClaim(worker), { failure: "checkout", reason: "still none" });
    await call("POST", `/${task.id}/review`, { decision: "approve" });
    const push = await work.mustClaim(worker);
    expect(push.attempt).toBe(4);
    await work.publish(push);
    expect((await work.getTask(task.id)).status).toBe("completed");
    const orders = await work.sql("select kind from work_orders order by enqueued_at");
    expect(orders).toEqual([{ kind: "run" }, { kind: "publish" }]);
  });

  it("that rejects sends the comment to the next run", async () => {
    const { task } = await inReview();
    expect((await call("POST", `/${task.id}/review`, { decision: "reject" })).status).toBe(400);
    const { body } = await call("POST", `/${task.id}/review`, { decision: "reject", comment: "rename it" });
    expect(body).toMatchObject({ status: "queued", statusReason: "Changes asked for: rename it" });
    const again = await work.mustClaim(worker);
    expect(again).toMatchObject({
      attempt: 2,
      workOrder: { kind: "run", payload: { followUp: "rename it" } },
      task: { runs: 2 },
    });
    await work.complete(again);
    await call("POST", `/${task.id}/review`, { decision: "approve" });
    expect((await work.mustClaim(worker)).workOrder.payload).toMatchObject({
      branch: `agentvine/${task.id}/a2`,
    });
  });

  it("that rejects with comments on lines sends them numbered, and only on files of the result", async () => {
    const { task } = await inReviewOf("--- a/a.txt\n+++ b/a.txt\n@@ -1 +1 @@\n-one\n+two\n");
    const reject = (path: string, line = 1) =>
      call("POST", `/${task.id}/review`, { decision: "reject", comments: [{ path, line, text: "why?" }] });
    expect(codeOf(await reject("nowhere.txt"))).toEqual([400, "request.invalid"]);
    expect((await reject("a.txt", 0)).status).toBe(400);
    expect((await reject("a.txt")).body).toMatchObject({ statusReason: "Changes asked for: see the lines" });
    expect((await work.mustClaim(worker)).workOrder.payload).toMatchObject({
      followUpKind: "review",
      followUp: "Comments on lines of your change:\n\n1. a.txt:1\n   > two\n   why?",
    });
  });

  it("is refused while there is nothing to review, and a retry while nothing failed", async () => {
    const task = await work.createTask();
    expect(codeOf(await call("POST", `/${task.id}/review`, { decision: "approve" }))).toEqual([
      409,
      "task.illegal_transition",
    ]);
    expect(codeOf(await call("POST", `/${task.id}/retry`, {}))).toEqual([409, "task.illegal_transition"]);
    expect(codeOf(await call("GET", `/${task.id}/diff`))).toEqual([404, "task.no_diff"]);
  });

  it("can look at the diff", async () => {
    const patch = "diff --git a/a.txt b/a.txt\n";
    const { task, claim } = await inReviewOf(patch);
    const diff = await work.app.request("GET", `/api/v1/tasks/${task.id}/diff`);
    expect(diff.body).toEqual({
      taskId: task.id,
      executionId: claim.executionId,
      baseCommit: commitA,
      commit: commitB,
      branch: null,
      patch,
      isTruncated: false,
    });
  });
});

describe("a retry", () => {
  it("starts afresh after a failure of the agent, but goes on after one of the world", async () => {
    const task = await work.createTask();
    const claim = await work.mustClaim(worker);
    await work.fail(claim);
    await call("POST", `/${task.id}/retry`, {});
    const [order] = await work.sql<{ payload: unknown }>("select payload from work_orders");
    expect(order?.payload).toMatchObject({ freshAfterAttempt: 1 });
    await work.sql("update work_orders set max_retries = 0");
    await work.fail(await work.mustClaim(worker), { failure: "infrastructure" });
    await call("POST", `/${task.id}/retry`, {});
    const third = await work.mustClaim(worker);
    expect(third).toMatchObject({ attempt: 3, workOrder: { payload: { freshAfterAttempt: 1 } } });
  });
});
