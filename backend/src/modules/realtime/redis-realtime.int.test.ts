import { connectConversation } from "@agentvine/client";
import type { Conversation, PresentPeople } from "@agentvine/contracts";
import { findRedisServer, startRedis, type TestRedis, waitUntil } from "@agentvine/testkit";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { buildTestApp, type TestApp } from "../../testing/build-test-app.ts";

const redisServer = findRedisServer("live conversations and presence of two backends with REDIS_URL");

describe.skipIf(redisServer === undefined)("two backends that share a Redis", () => {
  let redis: TestRedis;
  let app: TestApp;
  let beside: TestApp;
  beforeAll(async () => {
    redis = await startRedis(redisServer ?? "");
    const config = { redisUrl: redis.url };
    const limits = { realtime: { presenceRepeatMs: 200 } };
    app = await buildTestApp({ config, limits });
    beside = await buildTestApp({ beside: app, config, limits });
  });
  afterAll(async () => {
    await beside.close();
    await app.close();
    await redis.stop();
  });

  function follow(id: string, baseUrl: string) {
    const seen: string[] = [];
    const heard: PresentPeople[] = [];
    let isLive = false;
    const live = connectConversation(id, {
      ...{ baseUrl, token: app.token, since: 0 },
      onItem: ({ content }) => seen.push(content),
      onPeople: (people) => heard.push(people),
      onState: (state) => {
        isLive = state.isLive;
      },
    });
    onTestFinished(() => live.close());
    return { ...live, seen, isLive: () => isLive, isSeen: () => heard.at(-1)?.[0]?.isLooking === true };
  }
  const open = async () =>
    (await app.request<Conversation>("POST", "/api/v1/chat/conversations", { body: { title: "t" } })).body.id;
  const say = (id: string, content: string, at: TestApp) =>
    at.request("POST", `/api/v1/chat/conversations/${id}/messages`, { body: { content } });

  test("bring messages and who looks to sockets of the other, and go on so when Redis dies and comes back empty", async () => {
    const id = await open();
    const [near, far] = [follow(id, app.url), follow(id, beside.url)];
    await waitUntil(() => near.isLive() && far.isLive());
    near.show({ isLooking: true, isTyping: false });
    await waitUntil(far.isSeen);
    await say(id, "with Redis", app);
    await redis.kill();
    await say(id, "without", app);
    await say(id, "without, at the other", beside);
    near.show({ isLooking: false, isTyping: false });
    await waitUntil(() => !far.isSeen(), { timeoutMs: 10_000 });
    await redis.start();
    await say(id, "with Redis again", beside);
    const all = ["with Redis", "without", "without, at the other", "with Redis again"];
    for (const { seen } of [near, far]) {
      await waitUntil(() => seen.length === all.length, { timeoutMs: 10_000 });
      expect(seen).toEqual(all);
    }
  }, 60_000);
});
