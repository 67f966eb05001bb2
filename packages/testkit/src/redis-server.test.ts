import { afterEach, describe, expect, it, vi } from "vitest";
import { findRedisServer, startRedis } from "./redis-server.ts";

const program = findRedisServer("that a test's Redis can be killed, hung and started again");

afterEach(() => {
  vi.restoreAllMocks();
});

describe("findRedisServer", () => {
  it("says loudly what is not tested when there is none", () => {
    const told = vi.spyOn(process.stderr, "write").mockReturnValue(true);
    expect(findRedisServer("flights to the moon", "/nowhere:/neither")).toBeUndefined();
    expect(told.mock.calls).toEqual([
      ["SKIPPED: redis-server is not installed, so this was not tested: flights to the moon\n"],
    ]);
  });
});

describe.skipIf(program === undefined)("a test's Redis", () => {
  it("goes on after it hung, and comes back empty after it was killed", async () => {
    const redis = await startRedis(program ?? "");
    try {
      await redis.client.set("a", "1");
      redis.pause();
      const answer = redis.client.get("a");
      redis.resume();
      expect(await answer).toBe("1");
      await redis.kill();
      await redis.start();
      expect(await redis.client.get("a")).toBeNull();
    } finally {
      await redis.stop();
    }
  });
});
