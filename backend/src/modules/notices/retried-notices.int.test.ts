import type { Notice, NoticeChannel } from "@agentvine/contracts";
import { waitUntil } from "@agentvine/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startMailServer, startReceiver } from "../../testing/notice-receivers.ts";
import { buildWorkFixture, type WorkFixture } from "../../testing/work-fixture.ts";

let fixture: WorkFixture;
let receiver: Awaited<ReturnType<typeof startReceiver>>;
let smtp: Awaited<ReturnType<typeof startMailServer>>;

beforeAll(async () => {
  [receiver, smtp] = await Promise.all([startReceiver(), startMailServer()]);
  fixture = await buildWorkFixture(
    { runsChores: true, smtpUrl: smtp.url, allowsPrivateHosts: true },
    { limits: { noticePace: { graceMs: 0, backoffMs: 5 } } },
  );
});
afterAll(async () => {
  await fixture.close();
  await Promise.all([receiver.close(), smtp.close()]);
});

/** The notice of a task that fails now, once it is over, told by a channel of its own. */
async function noticeBy(channel: Record<string, unknown>): Promise<Notice> {
  const { app } = fixture;
  const { body } = await app.request<{ channel: NoticeChannel }>("POST", "/api/v1/notice-channels", {
    body: { name: "mine", types: ["task.failed"], ...channel },
  });
  const worker = await fixture.registerWorker();
  await fixture.createTask();
  await fixture.fail(await fixture.mustClaim(worker), { reason: "red" });
  const path = `/api/v1/notices?channelId=${body.channel.id}`;
  const ended = await waitUntil(async () =>
    (await app.request<{ items: Notice[] }>("GET", path)).body.items.find(
      ({ status }) => status !== "waiting",
    ),
  );
  await app.request("DELETE", `/api/v1/notice-channels/${body.channel.id}`);
  return ended;
}

test("a mail that its server refuses twice is sent at the third try, once, by its job alone", async () => {
  smtp.state.refusals = 2;
  const notice = await noticeBy({ kind: "email", address: "ann@example.org" });
  expect(notice).toMatchObject({ status: "sent", tries: 3, reason: "" });
  expect(smtp.mails.map(({ to }) => to)).toEqual([["ann@example.org"]]);
});

test("a webhook that takes nothing is tried nine times, then its notice has failed with the reason and is left alone", async () => {
  receiver.statuses.push(...Array.from({ length: 20 }, () => 503));
  const notice = await noticeBy({ kind: "webhook", address: receiver.url });
  expect(notice).toMatchObject({ status: "failed", tries: 9, reason: "the webhook answered 503" });
  expect(receiver.calls.map(({ headers }) => headers["x-agentvine-notice"])).toEqual(
    Array.from({ length: 9 }, () => notice.id),
  );
  receiver.statuses.splice(0);
  const other = await noticeBy({ kind: "webhook", address: receiver.url });
  expect(other).toMatchObject({ status: "sent", tries: 1 });
  expect(receiver.calls).toHaveLength(10);
});
