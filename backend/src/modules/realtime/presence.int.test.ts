import { connectConversation } from "@agentvine/client";
import type { Conversation, PresentPeople, Task } from "@agentvine/contracts";
import { createRepository, TcpProxy, tempDir, waitUntil } from "@agentvine/testkit";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { buildTestApp, type TestApp } from "../../testing/build-test-app.ts";

let app: TestApp;
let beside: TestApp;
let dir: Awaited<ReturnType<typeof tempDir>>;
let repositoryUrl: string;
beforeAll(async () => {
  const limits = { realtime: { presenceRepeatMs: 200 } };
  app = await buildTestApp({ limits });
  beside = await buildTestApp({ beside: app, limits });
  dir = await tempDir("agentvine-presence-");
  repositoryUrl = (await createRepository(`${dir.path}/r`, { "a.txt": "a\n" })).path;
});
afterAll(async () => {
  await beside.close();
  await app.close();
  await dir[Symbol.asyncDispose]();
});

async function ofTask() {
  const { body: task } = await app.request<Task>("POST", "/api/v1/tasks", {
    body: { title: "t", type: "docs", repositoryUrl, enqueue: false },
  });
  const opened = await app.request<Conversation>("POST", "/api/v1/chat/conversations", {
    body: { taskId: task.id },
  });
  return { taskId: task.id, id: opened.body.id };
}

function follow(id: string, at: { url: string } = app, token = app.token) {
  const heard: PresentPeople[] = [];
  let isLive = false;
  const live = connectConversation(id, {
    ...{ baseUrl: at.url, token },
    onItem: () => undefined,
    onPeople: (people) => heard.push(people),
    onState: (state) => {
      isLive = state.isLive;
    },
  });
  onTestFinished(() => live.close());
  return { ...live, isLive: () => isLive, people: () => heard.at(-1) };
}

test("who looks and who types is seen at the same backend and at another one, and ends with the socket", async () => {
  const { id, taskId } = await ofTask();
  const [near, far] = [follow(id), follow(id, beside)];
  await waitUntil(() => near.isLive() && far.isLive());
  near.show({ isLooking: true, isTyping: true });
  await waitUntil(() => near.people()?.[0]?.isTyping === true && far.people()?.[0]?.isTyping === true);
  expect(far.people()).toHaveLength(1);
  const person = far.people()?.[0]?.userId ?? "";
  expect([app.realtime.isLooking(person, taskId), beside.realtime.isLooking(person, taskId)]).toEqual([
    true,
    true,
  ]);
  near.close();
  await waitUntil(() => far.people()?.[0]?.isLooking === false);
  await waitUntil(
    () => !app.realtime.isLooking(person, taskId) && !beside.realtime.isLooking(person, taskId),
  );
});

test("what was shown ends with a broken connection and is shown again by the next one", async () => {
  const { id } = await ofTask();
  const proxy = await TcpProxy.start(app.url);
  onTestFinished(() => proxy.stop());
  const [one, other] = [follow(id, { url: `http://127.0.0.1:${proxy.port}` }), follow(id, beside)];
  await waitUntil(() => one.isLive() && other.isLive());
  one.show({ isLooking: true, isTyping: false });
  const isSeen = () => other.people()?.[0]?.isLooking === true;
  await waitUntil(isSeen);
  await proxy.set("refuse");
  await waitUntil(() => !isSeen());
  await proxy.set("pass");
  await waitUntil(isSeen);
});

test("a program that follows a conversation is nobody who looks", async () => {
  const { id, taskId } = await ofTask();
  const made = await app.request<{ secret: string }>("POST", "/api/v1/api-keys", {
    body: { name: "reader", permissions: ["chat:read"] },
  });
  const [program, person] = [follow(id, app, made.body.secret), follow(id)];
  await waitUntil(() => program.isLive() && person.people() !== undefined);
  program.show({ isLooking: true, isTyping: true });
  person.show({ isLooking: false, isTyping: true });
  await waitUntil(() => person.people()?.[0]?.isTyping === true);
  expect(person.people()).toMatchObject([{ isLooking: false }]);
  expect(app.realtime.isLooking(person.people()?.[0]?.userId ?? "", taskId)).toBe(false);
});
