import { readdir } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { connectConversation } from "@agentvine/client";
import type { AgentMessage, Attachment, Conversation, Message } from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import { waitUntil } from "@agentvine/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createFileBlobStore } from "../../blobs/file-blob-store.ts";
import { buildWorkFixture, type WorkFixture } from "../../testing/work-fixture.ts";
import { createArtifactService } from "../artifacts/index.ts";
import { createAttachmentService } from "./index.ts";

const bytesMax = 200_000;
let fixture: WorkFixture;
beforeAll(async () => {
  fixture = await buildWorkFixture({ attachmentBytesMax: bytesMax, attachmentsMax: 3 });
});
afterAll(() => fixture.close());

const base = "/api/v1/chat/conversations";
const open = async (body: object = { title: "t" }): Promise<string> =>
  (await fixture.app.request<Conversation>("POST", base, { body })).body.id;
const pathOf = (conversationId: string, name = "a.txt") =>
  `${base}/${conversationId}/attachments?name=${encodeURIComponent(name)}`;
const authorization = () => ({ authorization: `Bearer ${fixture.app.token}` });

async function upload(
  conversationId: string,
  bytes: string | Buffer,
  { name = "a.txt", type, token }: { name?: string; type?: string; token?: string } = {},
) {
  const response = await fetch(fixture.app.url + pathOf(conversationId, name), {
    method: "POST",
    headers: {
      ...authorization(),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(type === undefined ? {} : { "content-type": type }),
    },
    body: new Uint8Array(Buffer.from(bytes)),
  });
  const body = (await response.json()) as Attachment & { error?: { code: string } };
  return { status: response.status, body, code: body.error?.code };
}
const download = (id: string) =>
  fetch(`${fixture.app.url}/api/v1/chat/attachments/${id}/content`, { headers: authorization() });
const say = (id: string, attachmentIds: string[]) =>
  fixture.app.request<Message & { error?: { code: string } }>("POST", `${base}/${id}/messages`, {
    body: { content: "see", attachmentIds },
  });
const read = async (id: string): Promise<Message[]> =>
  (await fixture.app.request<{ items: Message[] }>("GET", `${base}/${id}/messages`)).body.items;
const keptFiles = async () =>
  (await readdir(join(fixture.app.home, "blobs"), { recursive: true }).catch(() => [])).filter((name) =>
    /[0-9a-f]{64}$|drafts./.test(name),
  );

function services() {
  const deps = { db: fixture.app.database.db, blobs: createFileBlobStore(join(fixture.app.home, "blobs")) };
  return { artifacts: createArtifactService(deps), attachments: createAttachmentService(deps) };
}

test("a message brings its attachments in their order to readers, sockets and the agent; the bytes come back unchanged", async () => {
  const worker = await fixture.registerWorker();
  const task = await fixture.createTask({ priority: "critical" });
  const id = await open({ taskId: task.id });
  const live: Message[] = [];
  const { app } = fixture;
  const socket = connectConversation(id, {
    ...{ baseUrl: app.url, token: app.token, since: 0 },
    onItem: (message) => live.push(message),
  });
  const names = ["zwölf 🦊.txt", "b.md", "a.log"];
  const uploaded = await Promise.all(names.map((name) => upload(id, `hello ${name}`, { name })));
  const attachments = uploaded.map(({ body }) => body);
  const said = await say(
    id,
    attachments.map((attachment) => attachment.id),
  );
  expect([said.status, said.body.attachments]).toEqual([201, attachments]);
  expect(attachments.map(({ name }) => name)).toEqual(names);
  expect(await read(id)).toMatchObject([{ attachments }]);
  await waitUntil(() => live.length === 1);
  socket.close();
  expect(live).toMatchObject([{ attachments }]);
  const claim = await fixture.mustClaim(worker);
  const taken = await app.request<{ items: Message[] }>("POST", "/api/v1/chat/agent-messages/take", {
    token: claim.attemptToken,
    body: { workOrderId: claim.workOrder.id, attempt: claim.attempt, after: 0 },
  });
  expect(taken.body.items).toMatchObject([{ attachments }]);
  await fixture.fail(claim);
  for (const [index, { id: attachmentId }] of attachments.entries())
    expect(await (await download(attachmentId)).text()).toBe(`hello ${names[index]}`);
});

/** What the agent of a task takes, once these were said in its conversation. */
async function takenAfter(write: (conversationId: string) => Promise<void>): Promise<AgentMessage[]> {
  const worker = await fixture.registerWorker();
  const task = await fixture.createTask({ priority: "critical" });
  await write(await open({ taskId: task.id }));
  const claim = await fixture.mustClaim(worker);
  const { body } = await fixture.app.request<{ items: AgentMessage[] }>(
    "POST",
    "/api/v1/chat/agent-messages/take",
    {
      token: claim.attemptToken,
      body: { workOrderId: claim.workOrder.id, attempt: claim.attempt, after: 0 },
    },
  );
  await fixture.fail(claim);
  return body.items;
}

test("an agent gets the beginnings of texts that came with a message, as far as there is room, and of nothing else", async () => {
  const kib = 1_024;
  const long = "🦊".repeat(9 * kib);
  const files = [
    ["a.json", `{"a":1}`],
    ["long.log", long],
    ["cat.png", Buffer.from("89504e470d0a1a0a0000000d49484452", "hex")],
  ] as const;
  const items = await takenAfter(async (id) => {
    for (const wave of [files, [files[1], ["late.txt", "no room"]] as const]) {
      const sent = [];
      for (const [name, bytes] of wave) sent.push((await upload(id, bytes, { name })).body.id);
      expect((await say(id, sent)).status).toBe(201);
    }
  });
  const texts = items.map(({ attachments }) => attachments.map(({ name, text }) => [name, text]));
  expect(texts[0]).toEqual([
    ["a.json", `{"a":1}`],
    ["long.log", "🦊".repeat(8 * kib)],
    ["cat.png", null],
  ]);
  // 64 KiB in all, less seven bytes of the first: no half character.
  expect(texts[1]).toEqual([
    ["long.log", "🦊".repeat(8 * kib - 2)],
    ["late.txt", null],
  ]);
});

test("an agent is told who wrote and how the message begins that is replied to", async () => {
  const items = await takenAfter(async (id) => {
    const body = { content: `which one? ${"x".repeat(500)}` };
    const first = await fixture.app.request<Message>("POST", `${base}/${id}/messages`, { body });
    const reply = { content: "this one", parentId: first.body.id };
    await fixture.app.request("POST", `${base}/${id}/messages`, { body: reply });
  });
  expect(items).toMatchObject([
    { senderName: "Local user", replyTo: null },
    {
      ...{ senderName: "Local user", content: "this one" },
      replyTo: {
        senderKind: "person",
        senderName: "Local user",
        excerpt: expect.stringMatching(/^which one\? x{289}$/),
      },
    },
  ]);
});

test("whatever was sent is served as a download that nothing shows or runs", async () => {
  const id = await open();
  const script = "<script>alert(document.cookie)</script>";
  for (const [type, name] of [
    ["text/html", "x.html"],
    ["image/svg+xml", "x.svg"],
    ["application/xhtml+xml", 'a";b=.html'],
  ] as const) {
    const { status, body } = await upload(id, script, { type, name });
    expect([status, body.contentType]).toEqual([201, "text/plain; charset=utf-8"]);
    const got = await download(body.id);
    expect(Object.fromEntries(got.headers)).toMatchObject({
      "content-type": "text/plain; charset=utf-8",
      "content-disposition": expect.stringMatching(/^attachment; filename=/),
      "content-security-policy": "sandbox; default-src 'none'",
      "x-content-type-options": "nosniff",
      "cross-origin-resource-policy": "same-origin",
    });
    expect(await got.text()).toBe(script);
  }
});

test("a type that the bytes deny is refused, and nothing of it is kept", async () => {
  const id = await open();
  const before = await keptFiles();
  const reply = await upload(id, `<html>${newId()}`, { type: "image/png", name: "cat.png" });
  expect([reply.status, reply.code]).toEqual([400, "attachment.type_mismatch"]);
  expect(await keptFiles()).toEqual(before);
});

test("names that are paths, that can't be seen or that are too long are refused", async () => {
  const id = await open();
  const bad = ["", "../a", "a/b", "a\\b", "..", "a\u0000", "a\r\nb", "gpj.\u202eexe", " a", "x".repeat(201)];
  for (const name of bad) expect((await upload(id, "x", { name })).status, JSON.stringify(name)).toBe(400);
});

test("what says that it is too large is refused before its bytes are sent", async () => {
  const id = await open();
  const sending = httpRequest(fixture.app.url + pathOf(id), {
    method: "POST",
    headers: { ...authorization(), "content-length": String(100 * 1_048_576) },
  });
  const status = new Promise((resolve) => sending.once("response", (reply) => resolve(reply.statusCode)));
  sending.on("error", () => {});
  sending.flushHeaders();
  expect(await status).toBe(413);
  sending.destroy();
});

test("what does not say how large it is is cut off at the limit: of 100 MB most is never read, and nothing is kept", async () => {
  const id = await open();
  const before = await keptFiles();
  const { host, hostname, port } = new URL(fixture.app.url);
  const socket = connect(Number(port), hostname);
  const chunk = `10000\r\n${"x".repeat(65_536)}\r\n`;
  let sentBytes = 0;
  let answer = "";
  socket.on("data", (part) => {
    answer += part.toString();
  });
  const isOver = new Promise((resolve) => socket.once("close", resolve));
  socket.on("error", () => {});
  socket.write(
    `POST ${pathOf(id)} HTTP/1.1\r\nhost: ${host}\r\nauthorization: Bearer ${fixture.app.token}\r\ntransfer-encoding: chunked\r\n\r\n`,
  );
  const send = (): void => {
    while (!socket.destroyed && sentBytes < 100 * 1_048_576) {
      sentBytes += chunk.length;
      if (!socket.write(chunk)) return;
    }
  };
  socket.on("drain", send);
  send();
  await isOver;
  expect(answer).toMatch(/^HTTP\/1.1 413 /);
  expect(sentBytes).toBeLessThan(60 * 1_048_576);
  await waitUntil(async () => (await keptFiles()).length === before.length);
});

test("a body that ends before its length leaves nothing behind", async () => {
  const id = await open();
  const before = await keptFiles();
  const sending = httpRequest(fixture.app.url + pathOf(id), {
    method: "POST",
    headers: { ...authorization(), "content-length": "1000" },
  });
  sending.on("error", () => {});
  sending.write("half");
  await waitUntil(async () => (await keptFiles()).some((file) => file.startsWith("drafts")));
  sending.destroy();
  await waitUntil(async () => (await keptFiles()).length === before.length);
  expect(await fixture.sql("select from chat_attachments where conversation_id = $1", [id])).toEqual([]);
});

test("a message takes only its sender's own uploads to its conversation, each once, and not too many", async () => {
  const [one, two] = [await open(), await open()];
  const first = (await upload(one, "1")).body.id;
  const codeOf = async (id: string, ids: string[]) => {
    const { status, body } = await say(id, ids);
    return [status, body.error?.code];
  };
  const missing = [404, "attachment.not_found"];
  expect(await codeOf(two, [first])).toEqual(missing);
  expect(await codeOf(one, [first, newId()])).toEqual(missing);
  expect(await read(one)).toEqual([]);
  expect((await say(one, [first, first])).body.attachments).toHaveLength(1);
  expect(await codeOf(one, [first])).toEqual(missing);
  const four = await Promise.all([1, 2, 3, 4].map(async (n) => (await upload(one, `${n}`)).body.id));
  expect(await codeOf(one, four)).toEqual([409, "attachment.limit_reached"]);
  await fixture.sql("update chat_attachments set uploaded_by = 'somebody else' where id = $1", [four[0]]);
  expect(await codeOf(one, four.slice(0, 1))).toEqual(missing);
});

test("of two messages that name the same upload at once exactly one has it", async () => {
  const id = await open();
  const attachment = (await upload(id, "x")).body.id;
  const replies = await Promise.all([1, 2, 3].map(() => say(id, [attachment])));
  expect(replies.map(({ status }) => status).sort()).toEqual([201, 404, 404]);
});

test("an upload is removed by its sender before it is sent, and not after", async () => {
  const id = await open();
  const [kept, gone] = [(await upload(id, "kept")).body.id, (await upload(id, "gone")).body.id];
  const remove = async (attachmentId: string) =>
    (await fixture.app.request("DELETE", `/api/v1/chat/attachments/${attachmentId}`)).status;
  expect((await say(id, [kept])).status).toBe(201);
  expect([await remove(gone), await remove(gone), await remove(kept)]).toEqual([204, 404, 404]);
  expect([(await download(gone)).status, (await download(kept)).status]).toEqual([404, 200]);
});

test("attachments go with a message that is withdrawn and with a task that is deleted, their bytes with the sweep", async () => {
  const { artifacts } = services();
  const task = await fixture.createTask({ enqueue: false });
  const id = await open({ taskId: task.id });
  const [mine, shared] = [newId(), newId()];
  const beside = (await upload(await open(), shared)).body.id;
  const first = await say(id, [(await upload(id, mine)).body.id]);
  const second = await say(id, [(await upload(id, shared)).body.id]);
  const withdrawn = await fixture.app.request<Message>(
    "POST",
    `/api/v1/chat/messages/${first.body.id}/withdraw`,
  );
  expect(withdrawn.body.attachments).toEqual([]);
  const counted = async () => (await keptFiles()).length;
  const before = await counted();
  await artifacts.sweep(0);
  expect(await counted()).toBeLessThan(before);
  await fixture.app.request("POST", `/api/v1/tasks/${task.id}/cancel`, { body: { reason: "no" } });
  expect((await fixture.app.request("DELETE", `/api/v1/tasks/${task.id}`)).status).toBe(204);
  await artifacts.sweep(0);
  expect((await download(second.body.attachments[0]?.id ?? "")).status).toBe(404);
  expect(await (await download(beside)).text()).toBe(shared);
});

test("uploads that no message names are swept after a while, others never", async () => {
  const { artifacts, attachments } = services();
  const id = await open();
  const [unsent, sent] = [(await upload(id, newId())).body.id, (await upload(id, "sent")).body.id];
  await say(id, [sent]);
  await fixture.sql("update chat_attachments set created_at = now() - interval '2 hours'");
  const young = (await upload(id, "young")).body.id;
  expect(await attachments.sweepUnsent(3_600)).toBeGreaterThan(0);
  await artifacts.sweep(0);
  const statuses = await Promise.all([unsent, sent, young].map(async (one) => (await download(one)).status));
  expect(statuses).toEqual([404, 200, 200]);
});

test("nobody piles up uploads without sending them", async () => {
  const id = await open();
  await fixture.sql("delete from chat_attachments where message_id is null");
  const last = (await upload(id, "x")).body.id;
  await fixture.sql(
    `insert into chat_attachments (id, conversation_id, uploaded_by, file_name, file_type, file_size, digest)
     select gen_random_uuid(), conversation_id, uploaded_by, file_name, file_type, file_size, digest
     from chat_attachments, generate_series(1, 99) where id = $1`,
    [last],
  );
  const reply = await upload(id, "one more");
  expect([reply.status, reply.code]).toEqual([409, "attachment.limit_reached"]);
});

test("only who may write in conversations uploads, only who may read them downloads; workers and agents do neither", async () => {
  const id = await open();
  const { body } = await fixture.app.request<{ secret: string }>("POST", "/api/v1/api-keys", {
    body: { name: "reader", permissions: ["chat:read"] },
  });
  expect((await upload(id, "x", { token: body.secret })).status).toBe(403);
  expect((await upload(id, "x", { token: fixture.app.workerKey })).status).toBe(403);
  expect((await upload(id, "x", { token: "wrong" })).status).toBe(401);
  expect((await upload(newId(), "x")).code).toBe("conversation.not_found");
});
