import type { Claim, Conversation, Message } from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import { waitUntil } from "@agentvine/testkit";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildWorkFixture, type WorkFixture } from "../../testing/work-fixture.ts";
import { recordAnswerMessage, recordRequestMessage } from "./index.ts";

let fixture: WorkFixture;
beforeAll(async () => {
  fixture = await buildWorkFixture();
});
afterAll(() => fixture.close());

const base = "/api/v1/chat/conversations";
type Listed = { items: Message[]; next: number };

const open = async (body: object): Promise<Conversation> =>
  (await fixture.app.request<Conversation>("POST", base, { body })).body;
const say = (id: string, content: string, change: object = {}) =>
  fixture.app.request<Message>("POST", `${base}/${id}/messages`, { body: { content, ...change } });
const read = async (id: string, query = ""): Promise<Listed> =>
  (await fixture.app.request<Listed>("GET", `${base}/${id}/messages${query}`)).body;
const take = (claim: Claim, after = 0) =>
  fixture.app.request<{ items: Message[] }>("POST", "/api/v1/chat/agent-messages/take", {
    token: claim.attemptToken,
    body: { workOrderId: claim.workOrder.id, attempt: claim.attempt, after },
  });
const texts = ({ items }: { items: Message[] }) => items.map(({ content }) => content);

async function running() {
  const worker = await fixture.registerWorker();
  const task = await fixture.createTask({ priority: "critical" });
  const conversation = await open({ taskId: task.id });
  return { worker, task, conversation, claim: await fixture.mustClaim(worker) };
}

test("whoever opens the conversation of a task, however many at once, gets the same one", async () => {
  const { id: taskId } = await fixture.createTask({ enqueue: false });
  const opened = await Promise.all(Array.from({ length: 8 }, () => open({ taskId })));
  expect(new Set(opened.map(({ id }) => id)).size).toBe(1);
});

test("a message reaches the running agent: a repeat gets the same, who remembers it gets what came after", async () => {
  const { conversation, claim } = await running();
  const said = (await say(conversation.id, "keep the name")).body;
  const first = await take(claim);
  expect(texts(first.body)).toEqual(["keep the name"]);
  expect(first.body.items[0]?.deliveryStatus).toBe("delivered");
  expect((await take(claim)).body).toEqual(first.body);
  expect(texts((await take(claim, said.position)).body)).toEqual([]);
  await say(conversation.id, "and the port");
  expect(texts((await take(claim, said.position)).body)).toEqual(["and the port"]);
  await fixture.fail(claim);
  expect((await take(claim)).status).toBe(409);
});

test("an agent that lost its memory is told again, one that kept it is not", async () => {
  const { worker, conversation, claim } = await running();
  const said = (await say(conversation.id, "keep the name")).body;
  expect(texts((await take(claim)).body)).toEqual(["keep the name"]);
  await fixture.expireLease(claim.workOrder.id);
  const next = await waitUntil(
    async () => {
      const { status, body } = await fixture.claim(worker);
      return status === 200 ? body : undefined;
    },
    { timeoutMs: 30_000, message: "the next attempt" },
  );
  expect(next.attempt).toBe(claim.attempt + 1);
  expect(texts((await take(next, said.position)).body)).toEqual([]);
  expect(texts((await take(next)).body)).toEqual(["keep the name"]);
  await fixture.fail(next);
});

test("messages that came while no agent ran wait for the next run", async () => {
  const worker = await fixture.registerWorker();
  const task = await fixture.createTask({ priority: "critical" });
  const { id } = await open({ taskId: task.id });
  await say(id, "before it began");
  const claim = await fixture.mustClaim(worker);
  expect(texts((await take(claim)).body)).toEqual(["before it began"]);
  await fixture.fail(claim);
});

test("the worker of a running agent is told of a message at once", async () => {
  const { worker, conversation, claim } = await running();
  const poll = fixture.app.request<{ items: object[] }>(
    "GET",
    `/api/v1/workers/${worker.id}/commands?after=0&waitSeconds=20&instanceId=${worker.instanceId}`,
    { token: fixture.app.workerKey },
  );
  await say(conversation.id, "hello");
  expect((await poll).body.items).toMatchObject([
    { type: "message", workOrderId: claim.workOrder.id, attempt: claim.attempt },
  ]);
  await fixture.fail(claim);
});

test("a message is edited or withdrawn until the agent has it, and by nobody but its writer", async () => {
  const { conversation, claim } = await running();
  const said = (await say(conversation.id, "use port 80")).body;
  const gone = (await say(conversation.id, "never mind")).body;
  const path = (id: string) => `/api/v1/chat/messages/${id}`;
  const edit = (id: string) => fixture.app.request("PATCH", path(id), { body: { content: "use port 8080" } });
  expect((await edit(said.id)).status).toBe(200);
  expect((await fixture.app.request("POST", `${path(gone.id)}/withdraw`)).status).toBe(200);
  expect(texts((await take(claim)).body)).toEqual(["use port 8080"]);
  expect([(await edit(said.id)).status, (await edit(gone.id)).status]).toEqual([409, 409]);
  const agent = await fixture.app.request<Message>("POST", "/api/v1/chat/agent-messages", {
    token: claim.attemptToken,
    body: { workOrderId: claim.workOrder.id, attempt: claim.attempt, messageId: newId(), content: "done" },
  });
  expect(agent.body).toMatchObject({ senderKind: "agent", deliveryStatus: null });
  expect((await edit(agent.body.id)).status).toBe(403);
  await fixture.fail(claim);
});

test("requests and answers appear in the conversation of their task, in the transaction that wrote them", async () => {
  const { id: taskId } = await fixture.createTask({ enqueue: false });
  const workerRequestId = newId();
  const { db } = fixture.app.database;
  const common = { taskId, workerRequestId };
  const undone = db.transaction(async (tx) => {
    await recordRequestMessage(tx, { ...common, content: "lost?", senderKind: "agent", senderId: null });
    throw new Error("undone");
  });
  await expect(undone).rejects.toThrow("undone");
  await db.transaction(async (tx) => {
    await recordRequestMessage(tx, {
      ...common,
      content: "Which port?",
      senderKind: "agent",
      senderId: null,
    });
    await recordAnswerMessage(tx, { ...common, content: "8080", senderKind: "person", senderId: null });
  });
  const { id } = await open({ taskId });
  expect((await read(id)).items).toMatchObject([
    { kind: "request", content: "Which port?", workerRequestId, position: 1, deliveryStatus: null },
    { kind: "answer", content: "8080", workerRequestId, position: 2 },
  ]);
});

test("a thread is read by itself, and who lists messages sees how many replies each has", async () => {
  const { id } = await open({ title: "threads" });
  const parentId = (await say(id, "first")).body.id;
  await say(id, "reply one", { parentId });
  await say(id, "beside it");
  await say(id, "reply two", { parentId });
  expect(texts(await read(id, `?parentId=${parentId}`))).toEqual(["reply one", "reply two"]);
  expect((await read(id)).items.map(({ replyCount }) => replyCount)).toEqual([2, 0, 0, 0]);
});

test("a reply must belong to a message of the same conversation; pages lead back to the first message", async () => {
  const one = await open({ title: "one" });
  const two = await open({ title: "two" });
  const parentId = (await say(one.id, "1")).body.id;
  expect((await say(two.id, "x", { parentId })).status).toBe(404);
  expect((await say(one.id, "2", { parentId })).body.parentId).toBe(parentId);
  await say(one.id, "3");
  const last = await read(one.id, "?limit=2");
  expect(texts(last)).toEqual(["2", "3"]);
  expect(texts(await read(one.id, `?limit=2&before=${last.items[0]?.position}`))).toEqual(["1"]);
  expect((await say(newId(), "x")).status).toBe(404);
});

test("a reader that goes on from its last position misses no change, whatever commits while it reads", async () => {
  const property = fc.asyncProperty(
    fc.array(fc.constantFrom("say", "edit", "slow"), { minLength: 4, maxLength: 12 }),
    async (steps) => {
      const { id } = await open({ title: "storm" });
      const seen = new Map<string, Message>();
      const positions: number[] = [];
      let since = 0;
      let isOver = false;
      const follow = (async () => {
        for (let isLast = false; !isLast; ) {
          isLast = isOver;
          const { items, next } = await read(id, `?since=${since}&limit=3`);
          for (const item of items) seen.set(item.id, item);
          positions.push(...items.map(({ changePosition }) => changePosition));
          since = next;
          if (items.length > 0) isLast = false;
        }
      })();
      await Promise.all(
        steps.map(async (step, index) => {
          const { body } = await say(id, `${index}`);
          if (step === "say") return;
          const change = { body: { content: `${index} changed` } };
          await fixture.app.request("PATCH", `/api/v1/chat/messages/${body.id}`, change);
        }),
      );
      isOver = true;
      await follow;
      expect(positions).toEqual([...positions].sort((a, b) => a - b));
      expect(new Set(positions).size).toBe(positions.length);
      const { items } = await read(id, "?limit=200");
      expect([...seen.values()].sort((a, b) => a.position - b.position)).toEqual(items);
    },
  );
  await fc.assert(property, { numRuns: 10 });
});
