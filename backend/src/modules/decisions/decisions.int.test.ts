import type { Claim, PolicyDetail, QueueStatus, WorkerRequest } from "@agentvine/contracts";
import { waitUntil } from "@agentvine/testkit";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { approvalOf, type RequestFixture, requestFixture } from "../../testing/request-fixture.ts";
import { buildWorkFixture, type WorkFixture } from "../../testing/work-fixture.ts";

let fixture: WorkFixture;
let requests: RequestFixture;

beforeAll(async () => {
  fixture = await buildWorkFixture({ policy: "default" });
  requests = requestFixture(fixture);
});
afterAll(() => fixture.close());
afterEach(async () => {
  // The tests ask the same again and again: no earlier answer may settle it.
  await fixture.sql("delete from precedents");
  const live = await fixture.sql<{ id: string }>(
    "select id from tasks where status in ('pending', 'queued', 'in_progress', 'waiting', 'in_review')",
  );
  for (const { id } of live) await fixture.app.request("POST", `/api/v1/tasks/${id}/cancel`, { body: {} });
});

const reclaim = async (claim: Claim): Promise<Claim> => {
  await fixture.expireLease(claim.workOrder.id);
  await waitUntil(async () => (await fixture.getTask(claim.task.id)).status === "queued", {
    timeoutMs: 30_000,
  });
  return await fixture.mustClaim(await fixture.registerWorker());
};

/** Lets another policy apply meanwhile. */
const usingPolicy = async (yaml: string, act: () => Promise<void>): Promise<void> => {
  const apply = async (text: string) => {
    const { body } = await fixture.app.request<PolicyDetail>("GET", "/api/v1/policies/active");
    const change = { yaml: text, basedOnVersion: body.version };
    await fixture.app.request("POST", "/api/v1/policies", { body: change });
    return body.yaml;
  };
  const before = await apply(yaml);
  try {
    await act();
  } finally {
    await apply(before);
  }
};

const codeOf = (body: unknown): string | undefined => (body as { error?: { code: string } }).error?.code;

describe("a question", () => {
  test("waits in the inbox, its task says so, and the answer reaches the agent at once", async () => {
    const { claim } = await requests.run();
    const request = await requests.ask(claim, "Which port?", { options: [{ id: "a", label: "80" }] });
    expect(request).toMatchObject({
      status: "human",
      kind: "question",
      generation: 1,
      answer: null,
      isParked: false,
    });
    expect(await fixture.getTask(claim.task.id)).toMatchObject({
      status: "waiting",
      statusReason: "Asks (question): Which port?",
    });
    const waiting = requests.wait(claim, request.id, 30);
    const { status, body } = await requests.answer(request, { choice: "a", text: "as always" });
    expect(status).toBe(200);
    expect(body.answer).toMatchObject({ source: "person", by: "Local user", choice: "a", text: "as always" });
    expect((await waiting).body).toMatchObject({ status: "answered", answer: { choice: "a" } });
    expect((await requests.get(request.id)).deliveredAt).not.toBeNull();
    expect((await fixture.getTask(claim.task.id)).status).toBe("in_progress");
    expect(await fixture.history(claim.task.id)).toEqual(
      expect.arrayContaining([
        ...["worker_request.raised", "task.waiting", "worker_request.answered", "task.answered"],
        "worker_request.delivered",
      ]),
    );
  });

  test("appears with its answer in the conversation of its task", async () => {
    const { claim } = await requests.run();
    const request = await requests.ask(claim, "Which port?");
    await requests.answer(request, { text: "80" });
    const { body } = await fixture.app.request<{ items: { id: string }[] }>(
      "GET",
      `/api/v1/chat/conversations?taskId=${claim.task.id}`,
    );
    const { body: messages } = await fixture.app.request<{ items: { kind: string; content: string }[] }>(
      "GET",
      `/api/v1/chat/conversations/${body.items[0]?.id}/messages`,
    );
    const shown = messages.items.map(({ kind, content }) => `${kind}: ${content}`).sort();
    expect(shown).toEqual(["answer: Answered by Local user: 80", "request: Asks (question): Which port?"]);
  });

  test("asked again by the same call is the same request, and is not asked twice of people", async () => {
    const { claim } = await requests.run();
    const first = await requests.ask(claim, "Which port?", { callId: "one" });
    const again = await requests.ask(claim, "Which port?", { callId: "one" });
    const reworded = await requests.ask(claim, "  which   PORT? ", { callId: "two" });
    expect([again.id, reworded.id]).toEqual([first.id, first.id]);
    expect(reworded.generation).toBe(1);
  });

  test("answered once is answered for the rest of the task", async () => {
    const { claim } = await requests.run();
    const request = await requests.ask(claim, "Which port?");
    await requests.answer(request, { text: "80" });
    expect(await requests.ask(claim, "Which port?")).toMatchObject({
      id: request.id,
      answer: { text: "80" },
    });
  });

  test("people who answer the same question of several tasks at once all succeed, and one answer is kept for the next time", async () => {
    const runs = [await requests.run(), await requests.run(), await requests.run(), await requests.run()];
    const asked = await Promise.all(runs.map(({ claim }) => requests.ask(claim, "Which port, all of you?")));
    const texts = ["80", "81", "82", "83"];
    const replies = await Promise.all(
      asked.map((one, at) => requests.answer(one, { text: texts[at] ?? "" })),
    );
    expect(replies.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    const kept = await fixture.sql<{ text: string }>(
      "select text from precedents where revoked_at is null and question = 'Which port, all of you?'",
    );
    expect(texts).toContain(kept[0]?.text);
    expect(kept).toHaveLength(1);
  });

  test("of two people who answer at once exactly one wins, and the other is told the winning answer", async () => {
    const { claim } = await requests.run();
    const request = await requests.ask(claim, "Which port?");
    const replies = await Promise.all(["80", "81", "82"].map((text) => requests.answer(request, { text })));
    const won = replies.filter(({ status }) => status === 200);
    expect(won).toHaveLength(1);
    for (const { status, body } of replies.filter((reply) => reply.status !== 200)) {
      expect({ status, code: codeOf(body) }).toEqual({ status: 409, code: "worker_request.settled" });
      const { data } = (body as unknown as { error: { data: { answer: { text: string } } } }).error;
      expect(data.answer.text).toBe(won[0]?.body.answer?.text);
    }
  });

  test.each([
    ["an option that was not offered", { choice: "z" }, 400, "worker_request.option_unknown"],
    ["nothing at all", { text: "  " }, 400, "worker_request.answer_invalid"],
    ["a decision", { decision: "allow", text: "x" }, 400, "worker_request.answer_invalid"],
    ["a scope", { scope: "task", text: "x" }, 400, "worker_request.answer_invalid"],
    ["another generation", { generation: 2, text: "x" }, 409, "worker_request.changed"],
  ])("refuses %s and stays open", async (_name, body, status, code) => {
    const { claim } = await requests.run();
    const request = await requests.ask(claim, "Which port?", { options: [{ id: "a", label: "80" }] });
    const reply = await requests.answer(request, body);
    expect({ status: reply.status, code: codeOf(reply.body) }).toEqual({ status, code });
    expect((await requests.get(request.id)).status).toBe("human");
  });

  test("of a megabyte is refused by field, and nothing is kept", async () => {
    const { claim } = await requests.run();
    const { status, body } = await requests.raise(claim, { question: "x".repeat(1_000_000) });
    expect(status).toBe(400);
    expect(body).toMatchObject({ error: { issues: [{ path: "question" }] } });
    expect(await fixture.sql("select from worker_requests where task_id = $1", [claim.task.id])).toEqual([]);
  });
});

describe("an approval", () => {
  test("is spent once, by the call it was given for", async () => {
    const { claim } = await requests.run();
    const request = await requests.askToRun(claim, "make deploy");
    await requests.answer(request, { decision: "allow" });
    expect(codeOf((await requests.spend(claim, request.id, "make deploy --force")).body)).toBe(
      "worker_request.not_allowed",
    );
    expect((await requests.spend(claim, request.id, "make deploy")).status).toBe(200);
    // The reply may have been lost.
    expect((await requests.spend(claim, request.id, "make deploy")).status).toBe(200);
    const again = await requests.askToRun(claim, "make deploy");
    expect(again).toMatchObject({ status: "human" });
    expect(again.id).not.toBe(request.id);
  });

  test("that is not settled, or denied, can't be spent", async () => {
    const { claim } = await requests.run();
    const request = await requests.askToRun(claim, "make deploy");
    expect(codeOf((await requests.spend(claim, request.id, "make deploy")).body)).toBe(
      "worker_request.not_allowed",
    );
    await requests.answer(request, { decision: "deny", comment: "not today" });
    expect(codeOf((await requests.spend(claim, request.id, "make deploy")).body)).toBe(
      "worker_request.not_allowed",
    );
    expect(await requests.askToRun(claim, "make deploy")).toMatchObject({
      id: request.id,
      status: "denied",
      answer: { decision: "deny", reason: "not today" },
    });
  });

  test.each([
    ["once", {}],
    ["once, in a changed form", { editedCommand: "make deploy now" }],
    ["for the task", { scope: "task" }],
  ])(
    "given %s before a rule denied the call is worth nothing: a denial outranks leave that is older",
    async (_name, body) => {
      const command = "editedCommand" in body ? body.editedCommand : "make deploy";
      const { claim } = await requests.run();
      const given = await requests.askToRun(claim, "make deploy");
      expect((await requests.answer(given, { decision: "allow", ...body })).status).toBe(200);
      const { claim: next } = await requests.run();
      const used = await requests.askToRun(next, "make deploy");
      await requests.answer(used, { decision: "allow", ...body });
      expect((await requests.spend(next, used.id, command)).status).toBe(200);
      await usingPolicy(
        `rules:\n  - { id: no-deploys, effect: deny, commands: ["make deploy"] }\n`,
        async () => {
          const late = await requests.spend(claim, given.id, command);
          expect([late.status, codeOf(late.body)]).toEqual([409, "worker_request.not_allowed"]);
          expect(late.body).toMatchObject({ error: { data: { ruleId: "no-deploys" } } });
          expect((await requests.get(given.id)).spentAt).toBeNull();
          expect(await requests.askToRun(claim, command)).toMatchObject({
            status: "denied",
            ruleId: "no-deploys",
          });
          // What was used is used: the reply of that may have been lost.
          expect((await requests.spend(next, used.id, command)).status).toBe(200);
          expect(await requests.askToRun(next, command)).toMatchObject({ status: "denied" });
        },
      );
    },
  );

  test("for the task covers the same call as long as the task lives, and no other", async () => {
    const { claim } = await requests.run();
    const request = await requests.askToRun(claim, "make lint");
    await requests.answer(request, { decision: "allow", scope: "task" });
    await requests.spend(claim, request.id, "make lint");
    for (let times = 0; times < 3; times += 1)
      expect(await requests.askToRun(claim, "make lint")).toMatchObject({
        status: "answered",
        answer: { decision: "allow", scope: "task", source: "person" },
        spentAt: expect.any(String),
      });
    expect(await requests.askToRun(claim, "make lint fix")).toMatchObject({ status: "human" });
    const other = await requests.run();
    expect(await requests.askToRun(other.claim, "make lint")).toMatchObject({ status: "human" });
  });

  test("of a changed command allows the changed one alone", async () => {
    const { claim } = await requests.run();
    const request = await requests.askToRun(claim, "rm -rf build dist");
    await requests.answer(request, { decision: "allow", editedCommand: "rm -rf build" });
    expect(codeOf((await requests.spend(claim, request.id, "rm -rf build dist")).body)).toBe(
      "worker_request.not_allowed",
    );
    expect(await requests.askToRun(claim, "rm -rf build")).toMatchObject({
      id: request.id,
      status: "answered",
    });
    expect((await requests.spend(claim, request.id, "rm -rf build")).status).toBe(200);
  });

  test.each([
    ["words without a decision", { text: "yes" }],
    ["a choice", { choice: "allow" }],
    ["a denial with a changed command", { decision: "deny", editedCommand: "ls" }],
  ])("refuses %s", async (_name, body) => {
    const { claim } = await requests.run();
    const request = await requests.askToRun(claim, "make deploy");
    const reply = await requests.answer(request, body);
    expect(codeOf(reply.body)).toBe("worker_request.answer_invalid");
  });
});

test("a comment on an answer in words reaches the agent with it", async () => {
  const { claim } = await requests.run();
  const request = await requests.ask(claim, "Which port, with a comment?");
  await requests.answer(request, { text: "8080", comment: "see the page of operations" });
  expect((await requests.wait(claim, request.id)).body.answer).toMatchObject({
    ...{ text: "8080", reason: "see the page of operations" },
  });
});

describe("when the lease is lost", () => {
  test("the next attempt adopts what was asked: people keep their place, an answer to the old sight is refused", async () => {
    const { claim } = await requests.run();
    const request = await requests.ask(claim, "Which port?");
    const next = await reclaim(claim);
    expect(codeOf((await requests.wait(claim, request.id)).body)).toBe("work_order.lease_lost");
    expect(codeOf((await requests.raise(claim)).body)).toBe("work_order.lease_lost");
    const adopted = await requests.ask(next, "Which port?");
    expect(adopted).toMatchObject({ id: request.id, generation: 2, attempt: next.attempt, status: "human" });
    expect(codeOf((await requests.answer(request, { text: "80" })).body)).toBe("worker_request.changed");
    expect((await requests.answer(adopted, { text: "80" })).status).toBe(200);
    expect((await requests.wait(next, request.id)).body.answer?.text).toBe("80");
  });

  test("an approval that was given but not used goes to the next attempt, one that was used does not", async () => {
    const { claim } = await requests.run();
    const unused = await requests.askToRun(claim, "make a");
    const used = await requests.askToRun(claim, "make b");
    await requests.answer(unused, { decision: "allow" });
    await requests.answer(used, { decision: "allow" });
    await requests.spend(claim, used.id, "make b");
    const next = await reclaim(claim);
    const again = await requests.askToRun(next, "make a");
    expect(again).toMatchObject({ id: unused.id, status: "answered" });
    expect((await requests.spend(next, again.id, "make a")).status).toBe(200);
    expect(await requests.askToRun(next, "make b")).toMatchObject({ status: "human" });
  });
});

describe("parked", () => {
  test("work goes on with the answer as its next prompt, once all of it is answered", async () => {
    const { claim } = await requests.run();
    const one = await requests.ask(claim, "Which port?");
    const two = await requests.askToRun(claim, "make deploy");
    expect((await requests.park(claim, [one.id, two.id])).body.status).toBe("parked");
    expect((await requests.get(one.id)).isParked).toBe(true);
    await requests.answer(one, { text: "80" });
    expect((await fixture.getTask(claim.task.id)).status).toBe("waiting");
    await requests.answer(two, { decision: "allow" });
    expect((await fixture.getTask(claim.task.id)).status).toBe("queued");
    const next = await fixture.mustClaim(await fixture.registerWorker());
    expect(next.workOrder.payload).toMatchObject({ followUpKind: "answer" });
    const followUp = String(next.workOrder.payload.followUp);
    expect(followUp).toContain("80");
    expect(followUp).toContain("Allowed, once: make deploy");
    expect((await requests.get(one.id)).deliveredAt).not.toBeNull();
    const again = await requests.askToRun(next, "make deploy");
    expect(again).toMatchObject({ id: two.id, status: "answered" });
    expect((await requests.spend(next, two.id, "make deploy")).status).toBe(200);
  });

  test("an answer that comes while the agent is leaving sends it straight back, also when its reply was lost", async () => {
    for (const isReplyLost of [false, true]) {
      const { claim } = await requests.run();
      const request = await requests.ask(claim, "Which port?");
      await requests.answer(request, { text: "80" });
      if (isReplyLost) await requests.wait(claim, request.id);
      await requests.park(claim, [request.id]);
      expect((await fixture.getTask(claim.task.id)).status).toBe("queued");
      const next = await fixture.mustClaim(await fixture.registerWorker());
      expect(String(next.workOrder.payload.followUp)).toContain("80");
      await fixture.app.request("POST", `/api/v1/tasks/${claim.task.id}/cancel`, { body: {} });
    }
  });

  test("a denial and a passed deadline send it back too, and say that nobody decided", async () => {
    const { claim } = await requests.run();
    const request = await requests.ask(claim, "Which port?");
    await requests.park(claim, [request.id]);
    await fixture.sql("update worker_requests set deadline_at = now() - interval '1 second' where id = $1", [
      request.id,
    ]);
    await waitUntil(async () => (await requests.get(request.id)).status === "no_answer");
    const next = await fixture.mustClaim(await fixture.registerWorker());
    expect(String(next.workOrder.payload.followUp)).toContain("Nobody answered");
  });
});

describe("nothing waits for ever", () => {
  test("a deadline denies an approval and never allows it", async () => {
    const { claim } = await requests.run();
    const request = await requests.askToRun(claim, "make deploy");
    await fixture.sql("update worker_requests set deadline_at = now() - interval '1 second' where id = $1", [
      request.id,
    ]);
    const { body } = await requests.wait(claim, request.id, 20);
    expect(body).toMatchObject({ status: "denied", answer: { source: "deadline", decision: "deny" } });
    const late = await requests.answer(request, { decision: "allow" });
    expect(codeOf(late.body)).toBe("worker_request.settled");
    // Nobody decided: it may be asked again.
    expect(await requests.askToRun(claim, "make deploy")).toMatchObject({ status: "human" });
  });

  test("the end of the work ends what it asked: cancelled with the task, superseded when finished without it", async () => {
    const one = await requests.run();
    const asked = await requests.ask(one.claim, "Which port?");
    await fixture.app.request("POST", `/api/v1/tasks/${one.claim.task.id}/cancel`, { body: {} });
    expect((await requests.get(asked.id)).status).toBe("cancelled");
    const two = await requests.run();
    const open = await requests.ask(two.claim, "Which port?");
    expect((await fixture.complete(two.claim)).body).toMatchObject({ taskStatus: "in_review" });
    expect((await requests.get(open.id)).status).toBe("superseded");
    const three = await requests.run();
    const last = await requests.ask(three.claim, "Which port?");
    await fixture.fail(three.claim);
    await waitUntil(async () => (await requests.get(last.id)).status === "superseded");
  });

  test("what the agent takes back is cancelled and its task goes on", async () => {
    const { claim } = await requests.run();
    const request = await requests.ask(claim, "Which port?");
    const { body } = await fixture.app.request("POST", `/api/v1/worker-requests/${request.id}/withdraw`, {
      token: claim.attemptToken,
      body: { workOrderId: claim.workOrder.id, attempt: claim.attempt, reason: "found it" },
    });
    expect(body).toMatchObject({ status: "cancelled" });
    expect((await fixture.getTask(claim.task.id)).status).toBe("in_progress");
  });
});

describe("who may", () => {
  test("another attempt's token opens no request of this one", async () => {
    const one = await requests.run();
    const request = await requests.ask(one.claim, "Which port?");
    const two = await requests.run();
    const spoofed: Claim = { ...one.claim, attemptToken: two.claim.attemptToken };
    for (const reply of [
      await requests.wait(spoofed, request.id),
      await requests.wait(two.claim, request.id),
      await requests.raise(spoofed),
      await requests.spend(two.claim, request.id, "x"),
    ])
      expect([404, 409]).toContain(reply.status);
    expect((await requests.get(request.id)).deliveredAt).toBeNull();
  });

  test("neither a worker's key nor an attempt's token answers as a person", async () => {
    const { claim } = await requests.run();
    const request = await requests.askToRun(claim, "make deploy");
    for (const token of [fixture.app.workerKey, claim.attemptToken]) {
      const { status } = await fixture.app.request("POST", `/api/v1/worker-requests/${request.id}/answer`, {
        token,
        body: { generation: 1, decision: "allow" },
      });
      expect(status).toBe(403);
    }
  });
});

test("what asks the same of the same repository is one group, whichever task asks: those that wait are counted and listed", async () => {
  const claims = [
    (await requests.run()).claim,
    (await requests.run()).claim,
    (await requests.run({ type: "docs" })).claim,
  ] as const;
  const command = "make   build";
  const alike = [
    await requests.askToRun(claims[0], command),
    await requests.askToRun(claims[1], "make build "),
    await requests.askToRun(claims[2], "make build"),
  ] as const;
  const words = [
    await requests.ask(claims[0], "Which  PORT?"),
    await requests.ask(claims[1], "which port?"),
  ] as const;
  const quoted = [
    await requests.askToRun(claims[0], 'echo "a b"'),
    await requests.askToRun(claims[1], 'echo "a  b"'),
  ] as const;
  const elsewhere = await requests.ask(claims[2], "Which port?", { kind: "clarification" });
  const listOf = async (id: string) =>
    (
      await fixture.app.request<{ items: WorkerRequest[] }>("GET", `/api/v1/worker-requests?alikeTo=${id}`)
    ).body.items.map((one) => one.id);
  const countOf = async ({ id }: WorkerRequest) => (await requests.get(id)).alikeCount;
  expect(await Promise.all(alike.map(countOf))).toEqual([2, 2, 2]);
  expect(new Set((await listOf(alike[0].id)).sort())).toEqual(new Set([alike[1].id, alike[2].id]));
  expect(await listOf(words[0].id)).toEqual([words[1].id]);
  expect(await Promise.all([...quoted, elsewhere].map(countOf))).toEqual([0, 0, 0]);
  expect((await requests.answer(alike[1], { decision: "deny" })).body).toMatchObject({ alikeCount: 0 });
  expect(await Promise.all(alike.map(countOf))).toEqual([1, 0, 1]);
  expect(await listOf(alike[0].id)).toEqual([alike[2].id]);
});

test("the list filters, sorts and counts, and the queue says how many wait", async () => {
  const { claim } = await requests.run({ title: "Zebra 100%", priority: "high" });
  const one = await requests.ask(claim, "Which port?");
  const two = await requests.askToRun(claim, "make deploy_it");
  const list = async (query: string) =>
    (
      await fixture.app.request<{ items: WorkerRequest[]; total: number }>(
        "GET",
        `/api/v1/worker-requests?${query}`,
      )
    ).body;
  const ids = async (query: string) => (await list(query)).items.map(({ id }) => id);
  const ofTask = `taskId=${claim.task.id}`;
  expect(await ids(`${ofTask}&isLive=true&order=asc`)).toEqual([one.id, two.id]);
  expect(await ids(`${ofTask}&sort=priority&order=desc`)).toHaveLength(2);
  expect(await ids(`${ofTask}&sort=deadlineAt`)).toHaveLength(2);
  expect(await ids(`kind=approval&${ofTask}`)).toEqual([two.id]);
  expect(await ids(`search=deploy_it`)).toEqual([two.id]);
  expect(await ids(`search=deployxit`)).toEqual([]);
  expect((await ids(`search=${encodeURIComponent("Zebra 100%")}`)).sort()).toEqual([one.id, two.id].sort());
  expect(await ids(`${ofTask}&isOverdue=true`)).toEqual([]);
  expect((await list(`${ofTask}&pageSize=1`)).total).toBe(2);
  await fixture.sql(
    `with other as (insert into users (id, username, email, role) values (gen_random_uuid(), 'zoe', 'zoe@example.org', 'developer') returning id)
     update worker_requests set assigned_to = other.id from other where worker_requests.id = $1`,
    [two.id],
  );
  expect(await ids(`${ofTask}&isMine=true`)).toEqual([one.id]);
  expect(await ids(`${ofTask}&isMine=false`)).toEqual([two.id]);
  const { body } = await fixture.app.request<QueueStatus>("GET", "/api/v1/queue/status");
  expect(body.workerRequests).toBeGreaterThanOrEqual(2);
});

test("what a rule settles, and what an earlier answer settles, comes back with the raise as it is read later", async () => {
  const { claim } = await requests.run();
  const approval = { ...approvalOf("cat totals.ts"), toolClass: "read" as const };
  const byRule = (await requests.raise(claim, { kind: "approval", question: "read it", approval })).body;
  expect(byRule).toMatchObject({ status: "answered", answer: { source: "rule", decision: "allow" } });
  expect(byRule).toEqual(await requests.get(byRule.id));

  const first = await requests.ask(claim, "Which rate counts here?");
  await requests.answer(first, { text: "The lower one." });
  const { claim: other } = await requests.run();
  const byPrecedent = await requests.ask(other, "Which rate counts here?");
  expect(byPrecedent).toMatchObject({ status: "answered", answer: { source: "precedent" } });
  expect(byPrecedent).toEqual(await requests.get(byPrecedent.id));
});
