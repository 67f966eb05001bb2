import type {
  ContextDocument,
  Controller,
  Precedent,
  RequestLease,
  WorkerRequest,
} from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import { waitUntil } from "@agentvine/testkit";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type RequestFixture, requestFixture } from "../../testing/request-fixture.ts";
import { buildWorkFixture, type WorkFixture } from "../../testing/work-fixture.ts";

let fixture: WorkFixture;
let requests: RequestFixture;
let key: string;

beforeAll(async () => {
  fixture = await buildWorkFixture({ heartbeatSeconds: 1, policy: "default" });
  requests = requestFixture(fixture);
  key = await createKey();
});
afterAll(() => fixture.close());
afterEach(async () => {
  const live = await fixture.sql<{ id: string }>(
    "select id from tasks where status in ('pending', 'queued', 'in_progress', 'waiting', 'in_review')",
  );
  for (const { id } of live) await fixture.app.request("POST", `/api/v1/tasks/${id}/cancel`, { body: {} });
});

async function createKey(): Promise<string> {
  const body = { name: "controllers", permissions: ["controller:register", "controller:work"] };
  return (await fixture.app.request<{ secret: string }>("POST", "/api/v1/api-keys", { body })).body.secret;
}

async function register(token = key) {
  const instanceId = newId();
  const body = { name: `controller-${instanceId}`, instanceId, version: "1", model: "scripted/demo" };
  const made = await fixture.app.request<{ controller: Controller }>("POST", "/api/v1/controllers", {
    body,
    token,
  });
  return { controllerId: made.body.controller.id, instanceId };
}
type Process = Awaited<ReturnType<typeof register>>;

const claim = (by: Process, waitSeconds = 0, token = key) =>
  fixture.app.request<RequestLease>("POST", "/api/v1/worker-requests/claim", {
    body: { ...by, waitSeconds },
    token,
  });

/** As a rule would have routed it. */
async function routeToModel(id: string): Promise<void> {
  await fixture.sql("update worker_requests set status = 'automated', routed_at = now() where id = $1", [id]);
}

async function leased(change: Parameters<RequestFixture["raise"]>[1] = {}) {
  const { claim: attempt } = await requests.run();
  const request = (
    await requests.raise(attempt, { kind: "clarification", question: `Which port? ${newId()}`, ...change })
  ).body;
  await routeToModel(request.id);
  const by = await register();
  const lease = (await claim(by, 5)).body;
  expect(lease.request.id).toBe(request.id);
  const ref = { controllerId: by.controllerId, leaseToken: lease.leaseToken, generation: request.generation };
  return { attempt, request, by, lease, ref };
}

const send = (id: string, verb: string, body: object, token = key) =>
  fixture.app.request<WorkerRequest>("POST", `/api/v1/worker-requests/${id}/${verb}`, { body, token });

const codeOf = (body: unknown): string | undefined => (body as { error?: { code: string } }).error?.code;

async function precedentOf(repositoryId: string): Promise<Precedent> {
  const { body } = await fixture.app.request<{ items: Precedent[] }>(
    "GET",
    `/api/v1/precedents?repositoryId=${repositoryId}&isRevoked=false`,
  );
  const [first] = body.items;
  if (first === undefined) throw new Error("there is no precedent");
  return first;
}

/** An answer of a person, so that there is something to cite. */
async function settledBefore(question = `How many? ${newId()}`) {
  const { claim: attempt } = await requests.run();
  const request = await requests.ask(attempt, question);
  await requests.answer(request, { text: "three" });
  return { attempt, request, precedent: await precedentOf(request.repositoryId), question };
}

describe("an earlier answer", () => {
  test("settles the same question of the same repository, says whose it was, and counts", async () => {
    const { request, precedent, question } = await settledBefore();
    const next = await requests.run();
    const again = await requests.ask(next.claim, `  ${question.toUpperCase()} `);
    expect(again.id).not.toBe(request.id);
    expect(again).toMatchObject({
      status: "answered",
      answer: {
        source: "precedent",
        sourceId: precedent.id,
        text: "three",
        by: "an earlier answer of Local user",
        citations: [{ kind: "precedent", id: precedent.id }],
      },
    });
    expect((await fixture.getTask(next.claim.task.id)).status).toBe("in_progress");
    expect((await precedentOf(request.repositoryId)).uses).toBe(1);
  });

  test.each([
    ["of another kind", { kind: "clarification" as const }, {}],
    ["with other options", { options: [{ id: "a", label: "b" }] }, {}],
    ["of a critical task", {}, { priority: "critical" as const }],
  ])("settles no question %s", async (_name, change, task) => {
    const { question } = await settledBefore();
    const next = await requests.run(task);
    expect(await requests.ask(next.claim, question, change)).toMatchObject({ status: "human" });
  });

  test("settles nothing once it is revoked, and an approval never becomes one", async () => {
    const { request, precedent, question } = await settledBefore();
    const revoked = await fixture.app.request<Precedent>("POST", `/api/v1/precedents/${precedent.id}/revoke`);
    expect(revoked.body).toMatchObject({ revokedBy: "Local user", revokedAt: expect.any(String) });
    const next = await requests.run();
    expect(await requests.ask(next.claim, question)).toMatchObject({ status: "human" });
    const approval = await requests.askToRun(next.claim, `make ${newId()}`);
    await requests.answer(approval, { decision: "allow" });
    const rows = await fixture.sql("select from precedents where worker_request_id = $1", [approval.id]);
    expect(rows).toEqual([]);
    expect(request.repositoryId).toBe(approval.repositoryId);
  });
});

describe("a controller", () => {
  test("leases what is routed to a model, once, and its grounded answer reaches the agent", async () => {
    const { precedent } = await settledBefore();
    const { attempt, request, ref } = await leased();
    expect((await claim(await register())).status).toBe(204);
    const alike = await fixture.app.request<{ items: Precedent[] }>(
      "GET",
      `/api/v1/worker-requests/${request.id}/precedents?controllerId=${ref.controllerId}&leaseToken=${ref.leaseToken}`,
      { token: key },
    );
    expect(alike.status).toBe(200);
    const waiting = requests.wait(attempt, request.id, 20);
    const citations = [{ kind: "precedent", id: precedent.id, version: null, quote: "three" }];
    const reply = await send(request.id, "automated-answer", {
      ...ref,
      text: "80",
      confidence: 0.9,
      citations,
    });
    expect(reply.body).toMatchObject({
      status: "answered",
      answer: { source: "controller", confidence: 0.9 },
    });
    expect((await waiting).body.answer).toMatchObject({
      text: "80",
      citations: [{ title: precedent.question }],
    });
  });

  test.each<[string, object, string]>([
    ["that is not sure", { text: "80", confidence: 0.4 }, "was not sure enough"],
    ["without any citation", { text: "80", confidence: 1, citations: [] }, "rests on no document"],
    ["that cites what does not exist", { text: "80", confidence: 1 }, "cited something that does not exist"],
    ["that says nothing", { text: " ", confidence: 1 }, "gave no answer"],
  ])(
    "whose model gives an answer %s settles nothing: a person has it, with the reason",
    async (_name, said, reason) => {
      const { request, ref } = await leased();
      const citations = [{ kind: "document", id: newId(), version: 1, quote: "" }];
      const { status, body } = await send(request.id, "automated-answer", { ...ref, citations, ...said });
      expect(status).toBe(200);
      expect(body).toMatchObject({ status: "human", answer: null });
      expect(body.routeReason).toContain(reason);
    },
  );

  test.each([
    ["an earlier answer", "precedent", "never use tabs"],
    ["a document", "document", "because I say so"],
  ])("that quotes words which do not stand in %s settles nothing", async (_name, kind, quote) => {
    const { precedent } = await settledBefore();
    const { body: document } = await fixture.app.request<ContextDocument>(
      "POST",
      "/api/v1/context/documents",
      { body: { title: "Ports", type: "guide", content: "The service\nlistens on **8080**." } },
    );
    const cite = (words: string) => ({
      ...(kind === "precedent" ? { id: precedent.id, version: null } : { id: document.id, version: 1 }),
      ...{ kind, quote: words },
    });
    const said = (words: string) => ({ text: "80", confidence: 1, citations: [cite(words)] });
    const first = await leased();
    const { body } = await send(first.request.id, "automated-answer", { ...first.ref, ...said(quote) });
    expect(body).toMatchObject({ status: "human", answer: null });
    expect(body.routeReason).toContain("quoted words that do not stand in what it cites");
    const second = await leased();
    const quoted = kind === "precedent" ? "Three" : "listens on 8080";
    const reply = await send(second.request.id, "automated-answer", { ...second.ref, ...said(quoted) });
    expect(reply.body).toMatchObject({ status: "answered", answer: { citations: [{ quote: quoted }] } });
  });

  test("that thinks when the next attempt asks the same has to lease it anew, and may answer it then", async () => {
    const { precedent } = await settledBefore();
    const { attempt, request, by, ref } = await leased();
    await fixture.post(attempt, "release", { reason: "drain" });
    const again = await fixture.mustClaim(await fixture.registerWorker());
    const adopted = await requests.ask(again, request.question, { kind: "clarification" });
    expect(adopted).toMatchObject({ id: request.id, generation: 2, status: "automated" });
    const citations = [{ kind: "precedent", id: precedent.id, version: null, quote: "three" }];
    const said = { text: "80", confidence: 1, citations };
    expect(codeOf((await send(request.id, "automated-answer", { ...ref, ...said })).body)).toBe(
      "worker_request.lease_lost",
    );
    const lease = (await claim(by, 5)).body;
    const anew = { ...ref, leaseToken: lease.leaseToken, generation: lease.request.generation };
    expect((await send(request.id, "automated-answer", { ...anew, ...said })).body).toMatchObject({
      ...{ id: request.id, status: "answered" },
    });
  });

  test("proposes its answer as a document that no agent sees before a person accepts it, once", async () => {
    const { precedent } = await settledBefore();
    const { attempt, request, ref } = await leased({ question: `How many ostriches? ${newId()}` });
    const propose = (id: string, controllerId = ref.controllerId) =>
      fixture.app.request<ContextDocument>("POST", `/api/v1/worker-requests/${id}/propose-document`, {
        body: { controllerId },
        token: key,
      });
    expect([(await propose(request.id)).status, (await propose(newId())).status]).toEqual([409, 404]);
    const citations = [{ kind: "precedent", id: precedent.id, version: null, quote: "three" }];
    const said = { ...ref, text: "three of them", confidence: 0.9, citations };
    await send(request.id, "automated-answer", said);
    const other = await register();
    expect(codeOf((await propose(request.id, other.controllerId)).body)).toBe("document.not_grounded");
    const [first, again] = await Promise.all([propose(request.id), propose(request.id)]);
    expect(first.body).toMatchObject({
      status: "proposed",
      author: ref.controllerId,
      repositoryId: request.repositoryId,
      title: request.question,
      content: expect.stringMatching(/Answer: three of them[\s\S]*earlier answer to: .*\n {2}"three"/),
    });
    expect(again.body).toEqual(first.body);
    const seen = async () => {
      const { body } = await fixture.app.request<{ items: { documentId: string }[] }>(
        "GET",
        `/api/v1/context/match?taskId=${attempt.task.id}&text=ostriches`,
      );
      return body.items.map(({ documentId }) => documentId);
    };
    expect(await seen()).not.toContain(first.body.id);
    const path = `/api/v1/context/documents/${first.body.id}`;
    await fixture.app.request("PATCH", path, { body: { version: 1, status: "active" } });
    expect(await seen()).toContain(first.body.id);
    // What people made of it stays.
    expect((await propose(request.id)).body).toMatchObject({ status: "active", version: 2 });
  });

  test.each(["a person", "a rule"])("can't propose what %s answered", async (who) => {
    const { request, ref } = await leased();
    if (who === "a person") await requests.answer(request, { text: "80" });
    else
      await fixture.sql(
        "update worker_requests set status = 'denied', answer_source = 'rule' where id = $1",
        [request.id],
      );
    const { body } = await send(request.id, "propose-document", { controllerId: ref.controllerId });
    expect(codeOf(body)).toBe("document.not_grounded");
  });

  test("can choose only among what is offered", async () => {
    const options = [{ id: "a", label: "80" }];
    for (const choice of ["b", null]) {
      const { request, ref } = await leased({ options });
      const said = { choice, text: "80", confidence: 1, citations: [] };
      expect((await send(request.id, "automated-answer", { ...ref, ...said })).body.status).toBe("human");
    }
  });

  test("hands over with its reason", async () => {
    const { request, ref } = await leased();
    const { body } = await send(request.id, "hand-over", { ...ref, reason: "no document says anything" });
    expect(body).toMatchObject({ status: "human" });
    expect(body.routeReason).toContain("no document says anything");
  });

  test("whose key was stolen decides nothing but what that controller has leased", async () => {
    const mine = await leased();
    const { claim: attempt } = await requests.run();
    const human = await requests.askToRun(attempt, `make ${newId()}`);
    const unleased = await requests.ask(attempt, `Where? ${newId()}`, { kind: "clarification" });
    await routeToModel(unleased.id);
    const said = { text: "x", choice: "allow", confidence: 1, citations: [] };
    const otherKey = await createKey();
    const other = await register(otherKey);
    const attempts: [string, Promise<{ status: number; body: unknown }>, string][] = [
      [
        "a person's request",
        send(human.id, "automated-answer", { ...mine.ref, ...said }),
        "worker_request.not_routed",
      ],
      ["hand over", send(human.id, "hand-over", { ...mine.ref, reason: "x" }), "worker_request.not_routed"],
      [
        "not leased",
        send(unleased.id, "automated-answer", { ...mine.ref, ...said }),
        "worker_request.lease_lost",
      ],
      [
        "another token",
        send(mine.request.id, "automated-answer", { ...mine.ref, leaseToken: "avr_guess", ...said }),
        "worker_request.lease_lost",
      ],
      [
        "another controller",
        send(
          mine.request.id,
          "automated-answer",
          { ...mine.ref, controllerId: other.controllerId, ...said },
          otherKey,
        ),
        "worker_request.lease_lost",
      ],
      ["another key", send(mine.request.id, "renew", mine.ref, otherKey), "auth.forbidden"],
      [
        "another generation",
        send(mine.request.id, "automated-answer", { ...mine.ref, generation: 2, ...said }),
        "worker_request.changed",
      ],
      ["as a person", send(human.id, "answer", { generation: 1, decision: "allow" }), "auth.forbidden"],
      [
        "as an agent",
        send(human.id, "spend", { workOrderId: newId(), attempt: 1, tool: "x", arguments: {} }),
        "auth.forbidden",
      ],
      ["a task", fixture.app.request("POST", "/api/v1/tasks", { body: {}, token: key }), "auth.forbidden"],
      [
        "work",
        fixture.app.request("POST", "/api/v1/queue/claim", { body: {}, token: key }),
        "auth.forbidden",
      ],
    ];
    for (const [name, reply, code] of attempts)
      expect([name, codeOf((await reply).body)]).toEqual([name, code]);
    expect((await requests.get(human.id)).status).toBe("human");
    expect((await requests.get(mine.request.id)).status).toBe("automated");
  });

  test("that vanishes while it thinks loses the request: a person has it within ten seconds, with the reason", async () => {
    const startedMs = performance.now();
    const { request, ref } = await leased();
    const found = await waitUntil(
      async () => {
        const now = await requests.get(request.id);
        return now.status === "human" ? now : undefined;
      },
      { timeoutMs: 15_000 },
    );
    expect(performance.now() - startedMs).toBeLessThan(11_000);
    expect(found.routeReason).toContain("vanished while it thought");
    const late = await send(request.id, "automated-answer", {
      ...ref,
      text: "x",
      confidence: 1,
      citations: [],
    });
    expect(codeOf(late.body)).toBe("worker_request.not_routed");
  });

  test("that vanishes is followed by a person, not by the next controller that waits", async () => {
    const { request } = await leased();
    const next = claim(await register(), 1);
    await fixture.sql(
      "update worker_requests set lease_expires_at = now(), routed_at = now() where id = $1",
      [request.id],
    );
    await fixture.app.decisions.sweeps.handOver();
    expect(await requests.get(request.id)).toMatchObject({
      status: "human",
      routeReason: expect.stringContaining("vanished while it thought"),
    });
    expect((await next).status).toBe(204);
  });

  test("that renews keeps the request as long as its model thinks", async () => {
    const { request, ref } = await leased();
    await fixture.sql("update worker_requests set routed_at = now() - interval '1 minute' where id = $1", [
      request.id,
    ]);
    expect((await send(request.id, "renew", ref)).body).toEqual({ leaseMs: 6_000 });
    const [row] = await fixture.sql<{ left: number }>(
      "select extract(epoch from lease_expires_at - now())::float8 as left from worker_requests where id = $1",
      [request.id],
    );
    expect(row?.left).toBeGreaterThan(5);
    await fixture.app.decisions.sweeps.handOver();
    expect((await requests.get(request.id)).status).toBe("automated");
  });

  test("is shown while it is heard of, and told that another process has its name", async () => {
    const by = await register();
    const beat = (instanceId: string) =>
      fixture.app.request("POST", `/api/v1/controllers/${by.controllerId}/heartbeat`, {
        body: { instanceId },
        token: key,
      });
    expect((await beat(by.instanceId)).status).toBe(200);
    expect(codeOf((await beat(newId())).body)).toBe("controller.superseded");
    const { body } = await fixture.app.request<{ components: Record<string, { status: string }> }>(
      "GET",
      "/health",
    );
    expect(body.components.controllers?.status).toBe("up");
    await fixture.sql("update controllers set last_heartbeat_at = now() - interval '1 hour' where id = $1", [
      by.controllerId,
    ]);
    await waitUntil(async () => {
      const { body: list } = await fixture.app.request<{ items: Controller[] }>("GET", "/api/v1/controllers");
      return list.items.find(({ id }) => id === by.controllerId)?.status === "offline";
    });
  });
});

test("what no controller takes is a person's within ten seconds, with the reason", async () => {
  const { claim: attempt } = await requests.run();
  const request = await requests.ask(attempt, `Which port? ${newId()}`, { kind: "clarification" });
  await routeToModel(request.id);
  await fixture.sql("update worker_requests set routed_at = now() - interval '8 seconds' where id = $1", [
    request.id,
  ]);
  const found = await waitUntil(async () => {
    const now = await requests.get(request.id);
    return now.status === "human" ? now : undefined;
  });
  expect(found.routeReason).toContain("no controller took it");
});
