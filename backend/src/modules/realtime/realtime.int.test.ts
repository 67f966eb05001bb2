import { request } from "node:http";
import { connectConversation, connectEvents } from "@agentvine/client";
import type { Conversation, Message } from "@agentvine/contracts";
import { deferred, newId } from "@agentvine/kit";
import { TcpProxy, waitUntil } from "@agentvine/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildTestApp, type TestApp } from "../../testing/build-test-app.ts";

let app: TestApp;
let beside: TestApp;
beforeAll(async () => {
  const limits = { realtime: { recheckMs: 50 } };
  app = await buildTestApp({ limits });
  beside = await buildTestApp({ beside: app, limits });
});
afterAll(async () => {
  await beside.close();
  await app.close();
});

const open = async (): Promise<string> =>
  (await app.request<Conversation>("POST", "/api/v1/chat/conversations", { body: { title: "t" } })).body.id;
const say = (id: string, content: string, at = app) =>
  at.request("POST", `/api/v1/chat/conversations/${id}/messages`, { body: { content } });

function follow(id: string, baseUrl: string, change: { token?: string; since?: number } = {}) {
  const seen: string[] = [];
  const states: { isLive: boolean; code?: string }[] = [];
  const live = connectConversation(id, {
    ...{ baseUrl, token: app.token, ...change },
    onItem: ({ content }: Message) => seen.push(content),
    onState: (state) => states.push(state),
  });
  const isLive = () => waitUntil(() => states.at(-1)?.isLive === true);
  return { ...live, seen, states, isLive };
}

const numbers = (count: number) => Array.from({ length: count }, (_, index) => `${index}`);

test("a hundred reconnects while people write at two backends miss nothing and bring nothing twice", async () => {
  const id = await open();
  const proxy = await TcpProxy.start(app.url);
  const client = follow(id, `http://127.0.0.1:${proxy.port}`, { since: 0 });
  const written: string[] = [];
  for (let storm = 0; storm < 100; storm += 1) {
    const content = `${storm}`;
    const at = storm % 2 === 0 ? app : beside;
    const writing = say(id, content, at);
    if (storm % 3 === 0) await client.isLive();
    proxy.cut();
    await writing;
    written.push(content);
  }
  await waitUntil(() => client.seen.length >= written.length, { timeoutMs: 20_000 });
  await say(id, "last");
  await waitUntil(() => client.seen.at(-1) === "last");
  expect(client.seen).toEqual([...written, "last"]);
  client.close();
  await proxy.stop();
}, 60_000);

test("a hundred sockets that all lose their connection again and again, while people write, miss nothing", async () => {
  const id = await open();
  const proxies = await Promise.all([app, beside].map(({ url }) => TcpProxy.start(url)));
  const clients = Array.from({ length: 100 }, (_, index) =>
    follow(id, `http://127.0.0.1:${proxies[index % 2]?.port}`, { since: 0 }),
  );
  await Promise.all(clients.map((client) => client.isLive()));
  const written: string[] = [];
  for (const content of numbers(10)) {
    for (const proxy of proxies) proxy.cut();
    await say(id, content, written.length % 2 === 0 ? app : beside);
    written.push(content);
  }
  const isWhole = ({ seen }: { seen: string[] }) => seen.length >= written.length;
  await waitUntil(() => clients.every(isWhole), { timeoutMs: 30_000 });
  for (const { seen } of clients) expect(seen).toEqual(written);
  for (const client of clients) client.close();
  await Promise.all(proxies.map((proxy) => proxy.stop()));
}, 60_000);

test("a socket at one backend sees what is written at the other, in order", async () => {
  const id = await open();
  const client = follow(id, beside.url);
  await client.isLive();
  for (const content of numbers(20)) await say(id, content);
  await waitUntil(() => client.seen.length === 20);
  expect(client.seen).toEqual(numbers(20));
  client.close();
});

test("who comes in while the last other one leaves hears all the same, as does whoever comes after", async () => {
  const id = await open();
  const leaving = follow(id, app.url, { since: 0 });
  await leaving.isLive();
  const made = await app.request<{ secret: string }>("POST", "/api/v1/api-keys", {
    body: { name: "late", permissions: ["chat:read"] },
  });
  const token = made.body.secret;
  const { http } = app.server;
  const authenticate = http.authenticate;
  const [arrived, goOn] = [deferred<void>(), deferred<void>()];
  // The one that comes is held on its way in.
  http.authenticate = async (headers) => {
    if (headers.authorization === `Bearer ${token}`) {
      arrived.resolve();
      await goOn.promise;
    }
    return await authenticate(headers);
  };
  const coming = follow(id, app.url, { since: 0, token });
  await arrived.promise;
  leaving.close();
  await waitUntil(() => app.realtime.counts().conversations === 0);
  http.authenticate = authenticate;
  goOn.resolve();
  await coming.isLive();
  const after = follow(id, app.url, { since: 0 });
  await after.isLive();
  await say(id, "heard");
  await waitUntil(() => coming.seen.length > 0 && after.seen.length > 0, { timeoutMs: 3_000 });
  expect([coming.seen, after.seen]).toEqual([["heard"], ["heard"]]);
  coming.close();
  after.close();
});

/** Status of an attempt to open a socket. */
const upgrade = (query: string, extra: Record<string, string> = {}) =>
  new Promise<number | undefined>((resolve, reject) => {
    const headers = {
      ...{ connection: "Upgrade", upgrade: "websocket", "sec-websocket-version": "13" },
      ...{ "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==", ...extra },
    };
    const sent = request(new URL(`/socket.io/?EIO=4&transport=websocket${query}`, app.url), { headers });
    sent.on("upgrade", ({ statusCode }, socket) => {
      socket.destroy();
      resolve(statusCode);
    });
    sent.on("response", ({ statusCode }) => resolve(statusCode));
    sent.on("error", reject);
    sent.end();
  });

test("who has no valid token, or asks for an unknown conversation, gets in nowhere; a token in the address is refused", async () => {
  const id = await open();
  const refused = async (client: ReturnType<typeof follow>) => {
    await waitUntil(() => client.states.length > 0);
    client.close();
    return client.states[0]?.code;
  };
  expect(await refused(follow(id, app.url, { token: "wrong" }))).toBe("auth.invalid");
  expect(await refused(follow(newId(), app.url))).toBe("conversation.not_found");
  expect(await upgrade("")).toBe(101);
  expect(await upgrade(`&token=${app.token}`)).toBe(400);
  expect(await upgrade("", { origin: "https://evil.example" })).toBe(400);
});

test("a revoked key is cut off", async () => {
  const id = await open();
  const made = await app.request<{ secret: string; apiKey: { id: string } }>("POST", "/api/v1/api-keys", {
    body: { name: "reader", permissions: ["chat:read"] },
  });
  const client = follow(id, app.url, { token: made.body.secret });
  await client.isLive();
  await app.request("DELETE", `/api/v1/api-keys/${made.body.apiKey.id}`);
  await waitUntil(() => client.states.at(-1)?.isLive === false);
  await say(id, "secret");
  expect(client.seen).toEqual([]);
  client.close();
});

test("events reach sockets with the positions that the list has", async () => {
  const positions: number[] = [];
  const live = connectEvents({
    ...{ baseUrl: app.url, token: app.token, since: 0 },
    onItem: ({ position }) => positions.push(position),
  });
  const id = await open();
  await say(id, "hello");
  const list = async () =>
    (await app.request<{ items: { position: number }[] }>("GET", "/api/v1/events?limit=1000")).body.items.map(
      ({ position }) => position,
    );
  await waitUntil(async () => positions.length === (await list()).length);
  expect(positions).toEqual((await list()).slice(0, positions.length));
  live.close();
});
