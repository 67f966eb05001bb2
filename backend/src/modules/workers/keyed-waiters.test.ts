import { describe, expect, it } from "vitest";
import { createKeyedWaiters } from "./keyed-waiters.ts";

const never = new AbortController().signal;

describe("keyed waiters", () => {
  it("wake only those who wait for the key", async () => {
    const waiters = createKeyedWaiters();
    const seen: string[] = [];
    const a = waiters.wait("a", 10_000, never).then(() => seen.push("a"));
    const b = waiters.wait("b", 10_000, never).then(() => seen.push("b"));
    waiters.wake("b");
    await b;
    expect(seen).toEqual(["b"]);
    waiters.wake();
    await a;
  });

  it("let go when time is up or the client is gone", async () => {
    const waiters = createKeyedWaiters();
    await waiters.wait("a", 1, never);
    await waiters.wait("a", 0, never);
    const client = new AbortController();
    const gone = waiters.wait("a", 10_000, client.signal);
    client.abort();
    await gone;
    await waiters.wait("a", 10_000, client.signal);
  });
});
