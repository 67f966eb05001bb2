import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { connectConversation, connectEvents } from "@agentvine/client";
import type { Conversation, Notice, NoticeChannel } from "@agentvine/contracts";
import { waitUntil } from "@agentvine/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type RequestFixture, requestFixture } from "../../testing/request-fixture.ts";
import { buildWorkFixture, type WorkFixture } from "../../testing/work-fixture.ts";

let fixture: WorkFixture;
let requests: RequestFixture;
let calls = 0;
const receiver = createServer((request, response) => {
  calls += 1;
  request.resume();
  response.writeHead(204).end();
});
beforeAll(async () => {
  receiver.listen(0, "127.0.0.1");
  await once(receiver, "listening");
  fixture = await buildWorkFixture(
    { runsChores: true, allowsPrivateHosts: true },
    { limits: { noticePace: { graceMs: 0, lookAgainMs: 50, resendSeconds: 0.2 } } },
  );
  requests = requestFixture(fixture);
  const address = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`;
  await fixture.app.request<{ channel: NoticeChannel }>("POST", "/api/v1/notice-channels", {
    body: { kind: "webhook", name: "hook", address, types: ["task.failed", "request.waiting"] },
  });
});
afterAll(async () => {
  await fixture.close();
  receiver.close();
});

/** Somebody has the conversation of a task open, in a tab that is seen or not. */
async function watch(taskId: string, isLooking: boolean) {
  const { app } = fixture;
  const opened = await app.request<Conversation>("POST", "/api/v1/chat/conversations", { body: { taskId } });
  let isShown = false;
  const live = connectConversation(opened.body.id, {
    ...{ baseUrl: app.url, token: app.token },
    onItem: () => undefined,
    onPeople: (people) => {
      isShown = people.some((person) => person.isTyping && person.isLooking === isLooking);
    },
  });
  live.show({ isLooking, isTyping: true });
  await waitUntil(() => isShown);
  return live;
}

type Show = Awaited<ReturnType<typeof watch>>["show"];
const watchTask = (taskId: string) => watch(taskId, true);

const noticeOf = async (taskId: string): Promise<Notice | undefined> =>
  (await fixture.app.request<{ items: Notice[] }>("GET", "/api/v1/notices")).body.items.find(
    (notice) => notice.taskId === taskId,
  );
const endedNotice = (taskId: string): Promise<Notice> =>
  waitUntil(async () => {
    const notice = await noticeOf(taskId);
    return notice?.status === "waiting" ? undefined : notice;
  });

/** What becomes of the news of a task that fails while somebody has its conversation open. */
async function noticeWhile(isLooking: boolean): Promise<Notice> {
  const worker = await fixture.registerWorker();
  const task = await fixture.createTask();
  const live = await watch(task.id, isLooking);
  await fixture.fail(await fixture.mustClaim(worker), { reason: "red" });
  const ended = await endedNotice(task.id);
  live.close();
  return ended;
}

/** Somebody has the inbox open, and the backend knows it. */
async function watchInbox() {
  const { app } = fixture;
  const live = connectEvents({ baseUrl: app.url, token: app.token, onItem: () => undefined });
  live.show({ isLooking: true, isTyping: false });
  await waitUntil(() => app.realtime.isAtInbox(app.local.userId));
  return live;
}

/** A request that is raised while somebody looks, once its notice was put off several times. */
async function waitingWhileLooking(
  look: (taskId: string) => Promise<{ show: Show; close(): void }> = watchTask,
) {
  const { claim } = await requests.run();
  const taskId = claim.task.id;
  const live = await look(taskId);
  const request = await requests.ask(claim, "Which port?");
  const seen = new Set<string>();
  await waitUntil(async () => {
    const rows = await fixture.sql<{ at: string }>(
      "select available_at::text as at from notices where task_id = $1 and available_at > created_at",
      [taskId],
    );
    for (const { at } of rows) seen.add(at);
    return seen.size >= 3;
  });
  return { taskId, live, request };
}

test("who has the conversation of a task before their eyes is not told elsewhere that it ended", async () => {
  expect(await noticeWhile(true)).toMatchObject({ status: "dropped", reason: "they were looking" });
  expect(calls).toBe(0);
});

test("a tab in the background does not keep a notice away", async () => {
  expect(await noticeWhile(false)).toMatchObject({ status: "sent" });
  expect(calls).toBe(1);
});

test("who looks is not told of a request, again and again, and is told once they look away while it still waits", async () => {
  const { taskId, live } = await waitingWhileLooking();
  const before = calls;
  expect(await noticeOf(taskId)).toMatchObject({ status: "waiting", tries: 0 });
  live.show({ isLooking: false, isTyping: false });
  expect(await endedNotice(taskId)).toMatchObject({ status: "sent", type: "request.waiting", tries: 1 });
  expect(calls).toBe(before + 1);
  live.close();
});

test("who has the inbox before their eyes is not told of a request elsewhere, and is once they look away", async () => {
  const { taskId, live } = await waitingWhileLooking(watchInbox);
  const before = calls;
  live.show({ isLooking: false, isTyping: false });
  expect(await endedNotice(taskId)).toMatchObject({ status: "sent", type: "request.waiting", tries: 1 });
  expect(calls).toBe(before + 1);
  live.close();
});

test("who has the inbox before their eyes is told elsewhere that a task failed: that does not stand there", async () => {
  const live = await watchInbox();
  const worker = await fixture.registerWorker();
  const task = await fixture.createTask();
  await fixture.fail(await fixture.mustClaim(worker), { reason: "red" });
  expect(await endedNotice(task.id)).toMatchObject({ status: "sent" });
  live.close();
});

test("what they answered while they looked is not told when they look away", async () => {
  const { taskId, live, request } = await waitingWhileLooking();
  const before = calls;
  await requests.answer(request, { text: "80" });
  live.show({ isLooking: false, isTyping: false });
  expect(await endedNotice(taskId)).toMatchObject({ status: "dropped", reason: "it was settled meanwhile" });
  expect(calls).toBe(before);
  live.close();
});
