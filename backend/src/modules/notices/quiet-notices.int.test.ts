import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { connectConversation } from "@agentvine/client";
import type { Conversation, Notice, NoticeChannel } from "@agentvine/contracts";
import { waitUntil } from "@agentvine/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildWorkFixture, type WorkFixture } from "../../testing/work-fixture.ts";

let fixture: WorkFixture;
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
    { limits: { noticePace: { graceMs: 0 } } },
  );
  const { port } = receiver.address() as AddressInfo;
  await fixture.app.request<{ channel: NoticeChannel }>("POST", "/api/v1/notice-channels", {
    body: { kind: "webhook", name: "hook", address: `http://127.0.0.1:${port}/`, types: ["task.failed"] },
  });
});
afterAll(async () => {
  await fixture.close();
  receiver.close();
});

/** A task that fails while somebody has its conversation open, in a tab that is seen or not. */
async function noticeWhile(isLooking: boolean): Promise<Notice> {
  const { app } = fixture;
  const worker = await fixture.registerWorker();
  const task = await fixture.createTask();
  const opened = await app.request<Conversation>("POST", "/api/v1/chat/conversations", {
    body: { taskId: task.id },
  });
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
  await fixture.fail(await fixture.mustClaim(worker), { reason: "red" });
  const ended = await waitUntil(async () => {
    const { items } = (await app.request<{ items: Notice[] }>("GET", "/api/v1/notices")).body;
    return items.find((notice) => notice.taskId === task.id && notice.status !== "waiting");
  });
  live.close();
  return ended;
}

test("who has the conversation of a task before their eyes is not told elsewhere that it ended", async () => {
  expect(await noticeWhile(true)).toMatchObject({ status: "dropped", reason: "they were looking" });
  expect(calls).toBe(0);
});

test("a tab in the background does not keep a notice away", async () => {
  expect(await noticeWhile(false)).toMatchObject({ status: "sent" });
  expect(calls).toBe(1);
});
