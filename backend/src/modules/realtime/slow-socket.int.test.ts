import { connectConversation } from "@agentvine/client";
import type { Conversation, Message } from "@agentvine/contracts";
import { TcpProxy, waitUntil } from "@agentvine/testkit";
import { io } from "socket.io-client";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildTestApp, type TestApp } from "../../testing/build-test-app.ts";

let app: TestApp;
beforeAll(async () => {
  app = await buildTestApp({ config: { socketsPerCallerMax: 3 } });
});
afterAll(() => app.close());

const base = "/api/v1/chat/conversations";
const open = async (): Promise<string> =>
  (await app.request<Conversation>("POST", base, { body: { title: "t" } })).body.id;
const say = (id: string, content: string) =>
  app.request<Message>("POST", `${base}/${id}/messages`, { body: { content } });
const metric = async (name: string): Promise<number> => {
  const { body } = await app.request<string>("GET", "/metrics");
  const line = body.split("\n").find((one) => one.startsWith(`${name} `));
  return Number(line?.slice(name.length));
};

test("a client that stops reading is cut off, resumes where it was, and misses nothing and gets nothing twice", async () => {
  const id = await open();
  const proxy = await TcpProxy.start(app.url);
  const seen: string[] = [];
  let isLive = false;
  const client = connectConversation(id, {
    ...{ baseUrl: `http://127.0.0.1:${proxy.port}`, token: app.token, since: 0 },
    onItem: ({ content }) => seen.push(content.slice(0, 10)),
    onState: (state) => {
      isLive = state.isLive;
    },
  });
  await waitUntil(() => isLive);
  await proxy.set("blackhole");
  const written: string[] = [];
  // What the network itself takes in for a reader that does not read is some megabytes.
  while ((await metric("agentvine_sockets_cut_off_total")) === 0 && written.length < 400) {
    const content = `${written.length}`.padEnd(10);
    written.push(content);
    await say(id, content + "x".repeat(99_000));
  }
  expect(await metric("agentvine_sockets_cut_off_total")).toBe(1);
  await waitUntil(async () => (await metric('agentvine_sockets{follows="conversations"}')) === 0);
  await proxy.set("pass");
  await waitUntil(() => seen.length >= written.length, { timeoutMs: 20_000 });
  await say(id, "last".padEnd(10));
  await waitUntil(() => seen.at(-1) === "last".padEnd(10));
  expect(seen).toEqual([...written, "last".padEnd(10)]);
  client.close();
  await proxy.stop();
}, 60_000);

test("a caller gets only so many live connections, and another one when one is closed", async () => {
  const id = await open();
  const follow = () => {
    const states: { isLive: boolean; code?: string }[] = [];
    const { close } = connectConversation(id, {
      ...{ baseUrl: app.url, token: app.token },
      onItem: () => undefined,
      onState: (state) => states.push(state),
    });
    return { close, isLive: () => states.at(-1)?.isLive === true, code: () => states.at(-1)?.code };
  };
  const three = [follow(), follow(), follow()];
  await waitUntil(() => three.every(({ isLive }) => isLive()));
  const fourth = follow();
  await waitUntil(() => fourth.code() !== undefined);
  expect(fourth.code()).toBe("socket.limit_reached");
  fourth.close();
  expect(await metric('agentvine_sockets{follows="conversations"}')).toBe(3);
  three[0]?.close();
  await waitUntil(async () => (await metric('agentvine_sockets{follows="conversations"}')) === 2);
  const next = follow();
  await waitUntil(() => next.isLive());
  for (const { close } of [...three, next]) close();
});

test("a socket that sends more than 16 KiB at once, or what nobody asked for, harms only itself", async () => {
  const id = await open();
  const socket = io(`${app.url}/api/v1/chat/ws/${id}`, {
    ...{ transports: ["websocket"], forceNew: true, reconnection: false },
    auth: { token: app.token },
  });
  await waitUntil(() => socket.connected);
  for (const odd of [null, 1, "x", [], { isLooking: "yes" }, { isLooking: true }])
    socket.emit("presence", odd);
  socket.emit("items", [{}]);
  socket.emit("unknown");
  expect(socket.connected).toBe(true);
  socket.emit("presence", { isLooking: true, isTyping: true, more: "x".repeat(20_000) });
  await waitUntil(() => !socket.connected);
  expect((await app.request("GET", "/health/ready")).status).toBe(200);
});
