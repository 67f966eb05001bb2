import { createHmac } from "node:crypto";
import type { Notice, NoticeChannel } from "@agentvine/contracts";
import { waitUntil } from "@agentvine/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startMailServer, startReceiver } from "../../testing/notice-receivers.ts";
import { approvalOf, requestFixture } from "../../testing/request-fixture.ts";
import { buildWorkFixture, type WorkFixture } from "../../testing/work-fixture.ts";

let fixture: WorkFixture;
let receiver: Awaited<ReturnType<typeof startReceiver>>;
let smtp: Awaited<ReturnType<typeof startMailServer>>;

beforeAll(async () => {
  [receiver, smtp] = await Promise.all([startReceiver(), startMailServer()]);
  fixture = await buildWorkFixture(
    { runsChores: true, smtpUrl: smtp.url, allowsPrivateHosts: true },
    { limits: { noticePace: { graceMs: 0 } } },
  );
});

afterAll(async () => {
  await fixture.close();
  await Promise.all([receiver.close(), smtp.close()]);
});

async function createChannel(body: Record<string, unknown>) {
  const response = await fixture.app.request<{ channel: NoticeChannel; signingSecret: string | null }>(
    "POST",
    "/api/v1/notice-channels",
    { body },
  );
  return response;
}

const webhook = (change: Record<string, unknown> = {}) => ({
  kind: "webhook",
  name: "hook",
  address: receiver.url,
  types: ["task.failed"],
  ...change,
});

async function failTask(title: string): Promise<string> {
  const worker = await fixture.registerWorker();
  const task = await fixture.createTask({ title });
  const claim = await fixture.mustClaim(worker);
  expect(claim.task.id).toBe(task.id);
  await fixture.fail(claim, { reason: "the tests stay red" });
  return task.id;
}

const noticesOf = async (channelId: string): Promise<Notice[]> =>
  (await fixture.app.request<{ items: Notice[] }>("GET", `/api/v1/notices?channelId=${channelId}`)).body
    .items;

const removeChannel = (id: string) => fixture.app.request("DELETE", `/api/v1/notice-channels/${id}`);

test("a failed task is told once to each channel that asks for it, signed, and to no other", async () => {
  const { body } = await createChannel(webhook());
  const { body: other } = await createChannel(webhook({ types: ["task.completed"] }));
  const taskId = await failTask("Mend the <!channel> & more");
  const call = await waitUntil(() => receiver.calls.at(-1));
  expect(JSON.parse(call.body)).toMatchObject({
    type: "task.failed",
    taskId,
    detail: expect.stringContaining("the tests stay red"),
    url: `${fixture.app.url}/tasks/${taskId}`,
  });
  const [, seconds, mac] =
    /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(call.headers["x-agentvine-signature"])) ?? [];
  const expected = createHmac("sha256", String(body.signingSecret))
    .update(`${seconds}.${call.body}`)
    .digest("hex");
  expect(mac).toBe(expected);
  await waitUntil(async () => (await noticesOf(body.channel.id))[0]?.status === "sent");
  expect(await noticesOf(other.channel.id)).toEqual([]);
  expect(receiver.calls).toHaveLength(1);
  await Promise.all([removeChannel(body.channel.id), removeChannel(other.channel.id)]);
});

test("who subscribes is not told what happened before", async () => {
  await failTask("before");
  const { body } = await createChannel(webhook());
  const taskId = await failTask("after");
  await waitUntil(async () => (await noticesOf(body.channel.id)).length > 0);
  expect((await noticesOf(body.channel.id)).map((notice) => notice.taskId)).toEqual([taskId]);
  await removeChannel(body.channel.id);
});

test("a webhook that fails is tried again with the same notice id, and its channel says why", async () => {
  const { body } = await createChannel(webhook({ format: "slack" }));
  receiver.statuses.push(500);
  const before = receiver.calls.length;
  await failTask("Mend the <!channel> & more");
  const notice = await waitUntil(async () =>
    (await noticesOf(body.channel.id)).find((one) => one.tries === 1),
  );
  expect(notice).toMatchObject({ status: "waiting", reason: "the webhook answered 500" });
  await waitUntil(async () => {
    const { body: list } = await fixture.app.request<{ items: NoticeChannel[] }>(
      "GET",
      "/api/v1/notice-channels",
    );
    return list.items[0]?.lastError === "the webhook answered 500";
  });
  // Its job would wait ten seconds.
  await fixture.app.notices.deliver(notice.id);
  expect(await noticesOf(body.channel.id)).toMatchObject([{ status: "sent", tries: 2 }]);
  const [first, second] = receiver.calls.slice(before);
  expect(second?.headers["x-agentvine-notice"]).toBe(first?.headers["x-agentvine-notice"]);
  const sent = JSON.parse(String(second?.body)) as { text: string; blocks: { text: { type: string } }[] };
  // What somebody wrote into a title must not call everybody or forge a link.
  expect(sent.text).toContain("&lt;!channel&gt; &amp; more");
  expect(sent.blocks[0]?.text.type).toBe("plain_text");
  await removeChannel(body.channel.id);
});

test("a notice that was sent is not sent again, however often its job runs", async () => {
  const { body } = await createChannel(webhook());
  await failTask("once");
  const notice = await waitUntil(async () =>
    (await noticesOf(body.channel.id)).find((one) => one.status === "sent"),
  );
  const calls = receiver.calls.length;
  await Promise.all([1, 2, 3].map(() => fixture.app.notices.deliver(notice.id)));
  expect(receiver.calls).toHaveLength(calls);
  await removeChannel(body.channel.id);
});

test("a notice whose job was lost is found again and sent", async () => {
  const { body } = await createChannel(webhook());
  receiver.statuses.push(503);
  await failTask("lost");
  const notice = await waitUntil(async () =>
    (await noticesOf(body.channel.id)).find((one) => one.tries === 1),
  );
  await fixture.sql("update notices set queued_at = now() - interval '1 hour'");
  expect(await fixture.app.notices.notices.takeUnqueued()).toEqual([notice.id]);
  expect(await fixture.app.notices.notices.takeUnqueued()).toEqual([]);
  await removeChannel(body.channel.id);
});

test("e-mail arrives over SMTP, with a header that keeps autoresponders quiet, and is tried again when refused", async () => {
  const { body } = await createChannel({
    kind: "email",
    name: "me",
    address: "ann@example.org",
    types: ["task.failed"],
  });
  expect(body.signingSecret).toBeNull();
  smtp.state.refusals = 1;
  const taskId = await failTask("Mend it\u2028now");
  const notice = await waitUntil(async () =>
    (await noticesOf(body.channel.id)).find((one) => one.tries === 1),
  );
  expect(notice.reason).toContain("mailbox busy");
  expect(smtp.mails).toEqual([]);
  await fixture.app.notices.deliver(notice.id);
  const [mail] = smtp.mails;
  expect(mail?.to).toEqual(["ann@example.org"]);
  expect(mail?.raw).toMatch(/^auto-submitted: auto-generated/im);
  expect(mail?.raw).toContain(`notices.agentvine`);
  expect(mail?.raw).toContain(taskId.slice(0, 20));
  await removeChannel(body.channel.id);
});

test("a test notice says whether it came through", async () => {
  const { body } = await createChannel(webhook());
  const path = `/api/v1/notice-channels/${body.channel.id}/test`;
  expect((await fixture.app.request("POST", path)).body).toEqual({ isSent: true, reason: "" });
  receiver.statuses.push(302);
  expect((await fixture.app.request("POST", path)).body).toEqual({
    isSent: false,
    reason: "the webhook answered 302",
  });
  await removeChannel(body.channel.id);
});

test("of a webhook's address only its origin is ever shown", async () => {
  const { body } = await createChannel(webhook());
  const list = await fixture.app.request("GET", "/api/v1/notice-channels");
  expect(JSON.stringify([body, list.body])).not.toContain("secret-part");
  await removeChannel(body.channel.id);
});

test("a channel that is switched off drops what was waiting", async () => {
  const { body } = await createChannel(webhook());
  receiver.statuses.push(500);
  await failTask("off");
  const notice = await waitUntil(async () =>
    (await noticesOf(body.channel.id)).find((one) => one.tries === 1),
  );
  await fixture.app.request("PATCH", `/api/v1/notice-channels/${body.channel.id}`, {
    body: { isEnabled: false },
  });
  const calls = receiver.calls.length;
  await fixture.app.notices.deliver(notice.id);
  expect(await noticesOf(body.channel.id)).toMatchObject([
    { status: "dropped", reason: "the channel is switched off" },
  ]);
  expect(receiver.calls).toHaveLength(calls);
  await removeChannel(body.channel.id);
});

/** Hands a channel to a person whose account is disabled. */
async function handToDisabled(channelId: string, username: string): Promise<void> {
  await fixture.sql(
    `with person as (insert into users (id, username, email, role, is_active)
       values (gen_random_uuid(), $2, $2 || '@example.org', 'viewer', false) returning id)
     update notice_channels set user_id = person.id from person where notice_channels.id = $1`,
    [channelId, username],
  );
}

test("nobody whose account is disabled is told anything more, though their channel is still there", async () => {
  const [{ body: theirs }, { body: mine }] = [await createChannel(webhook()), await createChannel(webhook())];
  await handToDisabled(theirs.channel.id, "dismissed-before");
  await failTask("after they left");
  await waitUntil(async () => (await noticesOf(mine.channel.id))[0]?.status === "sent");
  expect(await fixture.sql("select id from notices where channel_id = $1", [theirs.channel.id])).toEqual([]);
  await removeChannel(mine.channel.id);
});

test("what was waiting for a person when their account was disabled is dropped", async () => {
  const { body } = await createChannel(webhook());
  receiver.statuses.push(500);
  await failTask("they leave");
  const notice = await waitUntil(async () =>
    (await noticesOf(body.channel.id)).find((one) => one.tries === 1),
  );
  await handToDisabled(body.channel.id, "dismissed-meanwhile");
  const calls = receiver.calls.length;
  await fixture.app.notices.deliver(notice.id);
  expect(await fixture.sql("select status, reason from notices where id = $1", [notice.id])).toEqual([
    { status: "dropped", reason: "the account is disabled" },
  ]);
  expect(receiver.calls).toHaveLength(calls);
});

test("with scope mine a person hears of tasks they created, not of those of others", async () => {
  const { body } = await createChannel(webhook({ scope: "mine" }));
  const mine = await failTask("mine");
  await waitUntil(async () => (await noticesOf(body.channel.id)).length > 0);
  const [user] = await fixture.sql<{ id: string }>(
    `insert into users (id, username, email, role) values (gen_random_uuid(), 'bea', 'bea@example.org', 'developer')
     on conflict do nothing returning id`,
  );
  const worker = await fixture.registerWorker();
  const task = await fixture.createTask({ title: "hers" });
  await fixture.sql("update tasks set created_by = $1 where id = $2", [user?.id, task.id]);
  await fixture.fail(await fixture.mustClaim(worker));
  const last = await failTask("mine again");
  await waitUntil(async () => (await noticesOf(body.channel.id)).length > 1);
  expect((await noticesOf(body.channel.id)).map((one) => one.taskId)).toEqual([last, mine]);
  await removeChannel(body.channel.id);
});

test("webhooks into a private network are refused unless the installation allows them, by name or by address", async () => {
  await using closed = await (async () => {
    const other = await buildWorkFixture({}, { beside: fixture });
    return { app: other.app, [Symbol.asyncDispose]: () => other.close() };
  })();
  for (const address of [
    "http://127.0.0.1:9/x",
    "http://[::1]/x",
    "http://169.254.169.254/latest",
    "http://localhost/x",
    "http://0x7f000001/x",
    "http://db.internal/x",
  ]) {
    const body = webhook({ address });
    const { status, body: reply } = await closed.app.request("POST", "/api/v1/notice-channels", { body });
    expect({ address, status, reply }).toMatchObject({
      status: 400,
      reply: { error: { code: "notice_channel.address_refused" } },
    });
  }
  const mail = { kind: "email", name: "me", address: "ann@example.org" };
  const { body } = await closed.app.request("POST", "/api/v1/notice-channels", { body: mail });
  expect(body).toMatchObject({ error: { code: "notice_channel.mail_not_configured" } });
});

test.each([
  ["address", { address: "javascript:alert(1)" }],
  ["address", { kind: "email", address: "ann@example.org\r\nbcc: x@example.org" }],
  ["types", { types: [] }],
  ["types.0", { types: ["everything"] }],
])("a channel with a bad %s is refused and says so", async (path, change) => {
  const { status, body } = await createChannel(webhook(change));
  expect(status).toBe(400);
  expect(body).toMatchObject({ error: { issues: [{ path: expect.stringContaining(path) }] } });
});

test("another person's channel does not exist for me", async () => {
  const [user] = await fixture.sql<{ id: string }>(
    `insert into users (id, username, email, role) values (gen_random_uuid(), 'cem', 'cem@example.org', 'developer') returning id`,
  );
  const [channel] = await fixture.sql<{ id: string }>(
    `insert into notice_channels (id, user_id, kind, name, address, format, types, scope, is_enabled)
     values (gen_random_uuid(), $1, 'webhook', 'x', 'http://127.0.0.1:1/', 'json', '{task.failed}', 'all', false) returning id`,
    [user?.id],
  );
  const path = `/api/v1/notice-channels/${channel?.id}`;
  for (const [method, suffix] of [
    ["PATCH", ""],
    ["DELETE", ""],
    ["POST", "/test"],
  ] as const) {
    const options = method === "PATCH" ? { body: { isEnabled: true } } : {};
    const { status } = await fixture.app.request(method, `${path}${suffix}`, options);
    expect(status).toBe(404);
  }
});

test("a request that waits is told with its exact command, and one that was settled meanwhile is not", async () => {
  const requests = requestFixture(fixture);
  const { body } = await createChannel(webhook({ types: ["request.waiting"] }));
  const { claim } = await requests.run();
  const approval = { ...approvalOf("curl https://example.org"), toolClass: "network" as const };
  const request = await requests.askToRun(claim, "", { approval });
  expect(request.status).toBe("human");
  const told = await waitUntil(() =>
    receiver.calls
      .map((call) => JSON.parse(call.body))
      .find(({ workerRequestId }) => workerRequestId === request.id),
  );
  expect(told).toMatchObject({
    type: "request.waiting",
    command: "curl https://example.org",
    url: `${fixture.app.url}/inbox?request=${request.id}`,
    deadlineAt: request.deadlineAt,
  });
  const notices = await waitUntil(async () => {
    const found = await noticesOf(body.channel.id);
    return found[0]?.status === "sent" ? found : undefined;
  });
  expect(notices).toHaveLength(1);
  await requests.answer(request, { decision: "deny" });
  const calls = receiver.calls.length;
  await fixture.sql("update notices set status = 'waiting', ended_at = null where id = $1", [notices[0]?.id]);
  await fixture.app.notices.deliver(String(notices[0]?.id));
  expect(await noticesOf(body.channel.id)).toMatchObject([
    { status: "dropped", reason: "it was settled meanwhile" },
  ]);
  expect(receiver.calls).toHaveLength(calls);
  await removeChannel(body.channel.id);
});
