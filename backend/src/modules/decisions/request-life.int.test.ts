import type { BulkAnswerReply, Claim, QueueStatus, WorkerRequest } from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import { waitUntil } from "@agentvine/testkit";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { approvalOf, type RequestFixture, requestFixture } from "../../testing/request-fixture.ts";
import { buildWorkFixture, type WorkFixture } from "../../testing/work-fixture.ts";
import { createReaperService, defaultRetryPolicy } from "../queue/index.ts";

let work: WorkFixture;
let requests: RequestFixture;

beforeAll(async () => {
  work = await buildWorkFixture({ policy: "default" });
  requests = requestFixture(work);
});
afterAll(() => work.close());
afterEach(async () => {
  await work.sql("delete from precedents");
  await work.sql("delete from tasks");
});

/** The attempt loses its lease, now. */
const lose = async (claim: Claim): Promise<void> => {
  await work.expireLease(claim.workOrder.id);
  await createReaperService({ db: work.app.database.db, retry: defaultRetryPolicy }).reapLeases();
  await waitUntil(async () => (await work.getTask(claim.task.id)).status === "queued", { timeoutMs: 30_000 });
};
const reclaim = async (claim: Claim): Promise<Claim> => {
  await lose(claim);
  return await work.mustClaim(await work.registerWorker());
};
const codeOf = (body: unknown): string | undefined => (body as { error?: { code: string } }).error?.code;
const pass = (id: string) =>
  work.sql("update worker_requests set deadline_at = now() - interval '1 second' where id = $1", [id]);

describe("what an earlier attempt asked and this one did not ask again", () => {
  test("stays open, and holds up neither a running nor a parked one", async () => {
    const { claim } = await requests.run();
    const old = await requests.ask(claim, "Which port?");
    const next = await reclaim(claim);
    const other = await requests.ask(next, "Which host?");
    await requests.answer(other, { text: "localhost" });
    expect((await work.getTask(claim.task.id)).status).toBe("in_progress");
    const last = await requests.ask(next, "Which path?");
    await requests.park(next, [last.id]);
    await requests.answer(last, { text: "/api" });
    expect((await work.getTask(claim.task.id)).status).toBe("queued");
    expect((await requests.get(old.id)).status).toBe("human");
    const third = await work.mustClaim(await work.registerWorker());
    expect(await requests.ask(third, "Which port?")).toMatchObject({ id: old.id, generation: 2 });
  });

  test("is told too when it was answered meanwhile and the work is parked", async () => {
    const { claim } = await requests.run();
    const old = await requests.ask(claim, "Which port?");
    const next = await reclaim(claim);
    await requests.answer(old, { text: "80" });
    const last = await requests.ask(next, "Which path?");
    await requests.park(next, [last.id]);
    await requests.answer(last, { text: "/api" });
    const { workOrder } = await work.mustClaim(await work.registerWorker());
    expect(String(workOrder.payload.followUp)).toMatch(/80[\s\S]*\/api/);
  });
});

describe("parked", () => {
  test("on nothing but what it took back itself, work goes straight back", async () => {
    const { claim } = await requests.run();
    const request = await requests.ask(claim, "Which port?");
    await work.app.request("POST", `/api/v1/worker-requests/${request.id}/withdraw`, {
      token: claim.attemptToken,
      body: { workOrderId: claim.workOrder.id, attempt: claim.attempt, reason: "found it" },
    });
    expect((await requests.park(claim, [request.id])).status).toBe(200);
    expect((await work.getTask(claim.task.id)).status).toBe("queued");
  });

  test("on another task's request, work goes straight back and the other is not touched", async () => {
    const other = await requests.run();
    const foreign = await requests.ask(other.claim, "Which port?");
    const { claim } = await requests.run();
    expect((await requests.park(claim, [foreign.id, newId()])).status).toBe(200);
    expect((await work.getTask(claim.task.id)).status).toBe("queued");
    expect(await requests.get(foreign.id)).toMatchObject({ status: "human", isParked: false, generation: 1 });
  });

  test("when its task is cancelled, what it asked is cancelled with it and nothing can be answered", async () => {
    const { claim } = await requests.run();
    const request = await requests.ask(claim, "Which port?");
    await requests.park(claim, [request.id]);
    await work.app.request("POST", `/api/v1/tasks/${claim.task.id}/cancel`, { body: {} });
    expect((await requests.get(request.id)).status).toBe("cancelled");
    const { status, body } = await requests.answer(request, { text: "80" });
    expect({ status, code: codeOf(body) }).toEqual({ status: 409, code: "worker_request.settled" });
  });
});

describe("a deadline", () => {
  const chain = [
    { to: "everybody", afterSeconds: 60 },
    { to: "nobody-of-that-name", afterSeconds: 90 },
  ];
  const escalating = (id: string) =>
    work.sql("update worker_requests set on_timeout = 'escalate', escalation = $2 where id = $1", [
      id,
      JSON.stringify(chain),
    ]);

  test.each([
    ["a question", "no_answer", null],
    ["an approval", "denied", "deny"],
  ])("goes down the whole chain, and at its end nobody has decided %s", async (kind, status, decision) => {
    const { claim } = await requests.run();
    const request =
      kind === "a question"
        ? await requests.ask(claim, "Which port?")
        : await requests.askToRun(claim, "make deploy");
    await escalating(request.id);
    for (const step of [1, 2]) {
      await pass(request.id);
      await waitUntil(async () => (await requests.get(request.id)).escalations === step);
      const escalated = await requests.get(request.id);
      expect(escalated).toMatchObject({ status: "human", generation: 1 });
      expect(new Date(escalated.deadlineAt ?? 0).getTime()).toBeGreaterThan(Date.now());
    }
    await pass(request.id);
    await waitUntil(async () => (await requests.get(request.id)).status === status);
    expect((await requests.get(request.id)).answer).toMatchObject({ source: "deadline", decision });
    expect((await work.history(claim.task.id)).filter((type) => type.endsWith("escalated"))).toHaveLength(2);
  });

  test("that passes while no attempt is there to be told ends the request as expired; the next attempt may ask again", async () => {
    const { claim } = await requests.run();
    const request = await requests.ask(claim, "Which port?");
    await lose(claim);
    await pass(request.id);
    await waitUntil(async () => (await requests.get(request.id)).status === "expired");
    expect(codeOf((await requests.answer(request, { text: "80" })).body)).toBe("worker_request.settled");
    const next = await work.mustClaim(await work.registerWorker());
    const again = await requests.ask(next, "Which port?");
    expect(again).toMatchObject({ status: "human", generation: 1 });
    expect(again.id).not.toBe(request.id);
  });

  test("that passes beside a person's answer leaves exactly one of the two", async () => {
    const { claim } = await requests.run();
    for (let times = 0; times < 5; times += 1) {
      const request = await requests.askToRun(claim, `make ${times}`);
      await pass(request.id);
      const [reply] = await Promise.all([
        requests.answer(request, { decision: "allow" }),
        work.app.decisions.sweeps.passDeadlines(),
      ]);
      const { status, answer } = await requests.get(request.id);
      expect({ status, by: answer?.source }).toEqual(
        reply.status === 200 ? { status: "answered", by: "person" } : { status: "denied", by: "deadline" },
      );
    }
  });
});

describe("bad input and adversaries", () => {
  test("a request for an unknown or finished execution is refused and nothing is kept", async () => {
    const { claim } = await requests.run();
    const unknown = { ...claim, workOrder: { ...claim.workOrder, id: newId() } };
    expect([403, 404, 409]).toContain((await requests.raise(unknown)).status);
    expect((await work.complete(claim)).status).toBe(200);
    expect(codeOf((await requests.raise(claim)).body)).toBe("work_order.lease_lost");
    const later = { ...claim, attempt: claim.attempt + 1 };
    expect([403, 409]).toContain((await requests.raise(later)).status);
    expect(await work.sql("select from worker_requests")).toEqual([]);
  });

  test("an id of nothing is a 404 for everybody", async () => {
    const { claim } = await requests.run();
    const request = await requests.ask(claim, "Which port?");
    const nothing = { ...request, id: newId() };
    for (const { status, body } of [
      await requests.answer(nothing, { text: "80" }),
      await requests.wait(claim, nothing.id),
      await requests.spend(claim, nothing.id, "ls"),
    ])
      expect({ status, code: codeOf(body) }).toEqual({ status: 404, code: "worker_request.not_found" });
  });

  test("an attempt that lost its lease neither waits, nor spends, nor withdraws, though it was allowed", async () => {
    const { claim } = await requests.run();
    const request = await requests.askToRun(claim, "make deploy");
    await requests.answer(request, { decision: "allow" });
    const next = await reclaim(claim);
    const { attemptToken: token, attempt, workOrder } = claim;
    const withdrawal = { workOrderId: workOrder.id, attempt, reason: "x" };
    for (const { body } of [
      await requests.wait(claim, request.id),
      await requests.spend(claim, request.id, "make deploy"),
      await work.app.request("POST", `/api/v1/worker-requests/${request.id}/withdraw`, {
        token,
        body: withdrawal,
      }),
    ])
      expect(codeOf(body)).toBe("work_order.lease_lost");
    // Nor does the next one before it has asked for it itself.
    expect(codeOf((await requests.spend(next, request.id, "make deploy")).body)).toBe(
      "work_order.lease_lost",
    );
    const adopted = await requests.askToRun(next, "make deploy");
    expect((await requests.spend(next, adopted.id, "make deploy")).status).toBe(200);
  });

  test("what looks like the allowed call and is another one can't be spent", async () => {
    const { claim } = await requests.run();
    const request = await requests.askToRun(claim, "make deploy");
    await requests.answer(request, { decision: "allow" });
    const spend = (tool: string, args: Record<string, unknown>) =>
      work.app.request("POST", `/api/v1/worker-requests/${request.id}/spend`, {
        token: claim.attemptToken,
        body: { workOrderId: claim.workOrder.id, attempt: claim.attempt, tool, arguments: args },
      });
    for (const [tool, args] of [
      ["run_command", { command: "make deploy " }],
      ["run_command", { command: "make  deploy" }],
      ["run_command", { command: "MAKE DEPLOY" }],
      ["run_command", { command: "ｍake deploy" }],
      ["run_command", { command: "make deploy", cwd: "/" }],
      ["run_command", { command: ["make deploy"] }],
      ["run_command", {}],
      ["Run_command", { command: "make deploy" }],
    ] as const)
      expect(codeOf((await spend(tool, args)).body)).toBe("worker_request.not_allowed");
    expect((await spend("run_command", { command: "make deploy" })).status).toBe(200);
  });

  test("a command that is shown and another one that would run are refused", async () => {
    const { claim } = await requests.run();
    const shown = await requests.askToRun(claim, "ls");
    await requests.answer(shown, { decision: "allow", scope: "task" });
    const approval = { ...approvalOf("ls"), arguments: { command: "rm -rf /" } };
    const { status, body } = await requests.raise(claim, { kind: "approval", question: "ls", approval });
    expect(status).toBe(400);
    expect(body).toMatchObject({ error: { issues: [{ path: "approval.command" }] } });
  });

  test("a call id that is used again for another call gives no leave for that one", async () => {
    const { claim } = await requests.run();
    const request = await requests.askToRun(claim, "make deploy", { callId: "one" });
    await requests.answer(request, { decision: "allow" });
    const got = await requests.askToRun(claim, "make destroy", { callId: "one" });
    expect(got).toMatchObject({ id: request.id, approval: { command: "make deploy" } });
    expect(codeOf((await requests.spend(claim, got.id, "make destroy")).body)).toBe(
      "worker_request.not_allowed",
    );
  });
});

describe("people", () => {
  const send = <T>(path: string, body: object, token?: string) =>
    work.app.request<T>("POST", `/api/v1/worker-requests/${path}`, {
      body,
      ...(token === undefined ? {} : { token }),
    });

  test("answer several requests at once, and what can't be answered so fails by itself", async () => {
    const { claim } = await requests.run();
    const one = await requests.askToRun(claim, "make a");
    const two = await requests.askToRun(claim, "make b");
    const words = await requests.ask(claim, "Which port?");
    const gone = await requests.askToRun(claim, "make c");
    await requests.answer(gone, { decision: "deny" });
    const { status, body } = await send<BulkAnswerReply>("bulk-answer", {
      requests: [
        ...[one, words, gone].map(({ id }) => ({ id, generation: 1 })),
        { id: two.id, generation: 2 },
      ],
      decision: "deny",
    });
    expect(status).toBe(200);
    expect(body.items.map(({ id, request, error }) => [id, request?.status ?? error?.code])).toEqual([
      [one.id, "denied"],
      [words.id, "worker_request.answer_invalid"],
      [gone.id, "worker_request.settled"],
      [two.id, "worker_request.changed"],
    ]);
    expect((await work.getTask(claim.task.id)).status).toBe("waiting");
  });

  test("answer together only what asks the same, but for a denial: another command, leave or words fit no other request", async () => {
    const { claim } = await requests.run();
    const { claim: other } = await requests.run();
    const [a, alike, b] = [
      await requests.askToRun(claim, "make a"),
      await requests.askToRun(other, "make  a"),
      await requests.askToRun(claim, "make b"),
    ];
    const [port, host] = [await requests.ask(claim, "Which port?"), await requests.ask(claim, "Which host?")];
    const together = (asked: readonly WorkerRequest[], answer: object) =>
      send<BulkAnswerReply>("bulk-answer", {
        requests: asked.map(({ id, generation }) => ({ id, generation })),
        ...answer,
      });
    const edited = { decision: "allow", editedCommand: "make a --dry" };
    for (const [asked, answer, path] of [
      [[a, alike, b], edited, "editedCommand"],
      [[a, b], { decision: "allow" }, "requests"],
      [[port, host], { text: "localhost" }, "requests"],
    ] as const) {
      const { status, body } = await together(asked, answer);
      expect({ status, code: codeOf(body) }).toEqual({ status: 400, code: "worker_request.answer_invalid" });
      const message = expect.stringMatching(/not all of them ask the same: .*alikeGroup/);
      expect(body).toMatchObject({ error: { issues: [{ path, message }] } });
    }
    for (const { id } of [a, alike, b, port, host]) expect((await requests.get(id)).status).toBe("human");
    const { body } = await together([a, alike], edited);
    expect(body.items.map(({ request }) => request?.answer?.editedCommand)).toEqual([
      edited.editedCommand,
      edited.editedCommand,
    ]);
    // Those that older versions wrote do not say what they are like.
    await work.sql("update worker_requests set alike_group = '' where id = any($1::uuid[])", [
      [port.id, host.id],
    ]);
    expect((await together([port, host], { text: "localhost" })).status).toBe(400);
    expect((await together([port], { text: "80" })).body.items[0]?.request?.status).toBe("answered");
  });

  test("give a request to somebody who is there, while it is open; workers and agents give none", async () => {
    const { claim } = await requests.run();
    const request = await requests.ask(claim, "Which port?");
    const me = work.app.local.userId;
    const given = await send<WorkerRequest>(`${request.id}/delegate`, { assignedTo: me, comment: "yours" });
    expect(given.body).toMatchObject({ assignedTo: me, status: "human", generation: 1 });
    expect(await work.history(claim.task.id)).toContain("worker_request.delegated");
    const nobody = await send(`${request.id}/delegate`, { assignedTo: newId() });
    expect(codeOf(nobody.body)).toBe("worker_request.answer_invalid");
    for (const token of [work.app.workerKey, claim.attemptToken])
      expect((await send(`${request.id}/delegate`, { assignedTo: null }, token)).status).toBe(403);
    const back = await send<WorkerRequest>(`${request.id}/delegate`, { assignedTo: null });
    expect(back.body.assignedTo).toBeNull();
    await requests.answer(request, { text: "80" });
    expect(codeOf((await send(`${request.id}/delegate`, { assignedTo: me })).body)).toBe(
      "worker_request.settled",
    );
  });

  test("who give away what a model has take it from the model", async () => {
    const { claim } = await requests.run();
    const request = await requests.ask(claim, "Which port?");
    await work.sql(
      "update worker_requests set status = 'automated', lease_token_hash = 'x', lease_expires_at = now() + interval '1 hour' where id = $1",
      [request.id],
    );
    const given = await send<WorkerRequest>(`${request.id}/delegate`, { assignedTo: work.app.local.userId });
    expect(given.body.status).toBe("human");
  });

  test("are not told of answers that nobody waits for as if they were on their way", async () => {
    const { claim } = await requests.run();
    const request = await requests.ask(claim, "Which port?");
    const onTheWay = async () =>
      (await work.app.request<QueueStatus>("GET", "/api/v1/queue/status")).body.controllerResponses;
    await requests.answer(request, { text: "80" });
    expect(await onTheWay()).toBe(1);
    await work.app.request("POST", `/api/v1/tasks/${claim.task.id}/cancel`, { body: {} });
    expect(await onTheWay()).toBe(0);
  });
});
