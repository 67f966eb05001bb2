import { deferred } from "@agentvine/kit";
import { describe, expect, it } from "vitest";
import { createParkedClaims } from "./parked-claims.ts";

const never = new AbortController().signal;

function setUp() {
  const parked = createParkedClaims<string>({ triesAtOnceMax: 1 });
  const orders: string[] = [];
  const tries: string[] = [];
  const park = (name: string, o: { signal?: AbortSignal; waitMs?: number; types?: "docs" | "test" } = {}) =>
    parked.park({
      taskTypes: [o.types ?? "docs"],
      attempt: async () => {
        tries.push(name);
        const order = orders.shift();
        return order === undefined ? undefined : `${name}:${order}`;
      },
      waitMs: o.waitMs ?? 10_000,
      signal: o.signal ?? never,
      sinceGeneration: parked.generation(),
    });
  return { parked, orders, tries, park };
}

describe("parked claims", () => {
  it("gives new work to the one who has waited longest", async () => {
    const { parked, orders, park } = setUp();
    const claims = [park("a"), park("b"), park("c")];
    orders.push("first");
    parked.wake();
    expect(await claims[0]).toBe("a:first");
    orders.push("second");
    parked.wake();
    expect(await claims[1]).toBe("b:second");
    expect(parked.size).toBe(1);
    parked.stop();
    expect(await claims[2]).toBeUndefined();
  });

  it("wakes only those whose task types are concerned", async () => {
    const { parked, orders, tries, park } = setUp();
    const tester = park("tester", { types: "test" });
    const writer = park("writer", { types: "docs" });
    orders.push("one");
    parked.wake({ taskTypes: ["docs"] });
    expect(await writer).toBe("writer:one");
    expect(tries).toEqual(["writer"]);
    parked.stop();
    await tester;
  });

  it("loses no wake-up that comes between the first empty try and parking", async () => {
    const { parked, orders } = setUp();
    const sinceGeneration = parked.generation();
    orders.push("late");
    parked.wake();
    const claim = parked.park({
      taskTypes: ["docs"],
      attempt: async () => orders.shift(),
      waitMs: 10_000,
      signal: never,
      sinceGeneration,
    });
    expect(await claim).toBe("late");
  });

  it("answers with nothing when time is up, when the client goes and when the server stops", async () => {
    const { parked, park } = setUp();
    expect(await park("hasty", { waitMs: 1 })).toBeUndefined();
    const client = new AbortController();
    const gone = park("gone", { signal: client.signal });
    client.abort();
    expect(await gone).toBeUndefined();
    const waiting = park("waiting");
    parked.stop();
    expect(await waiting).toBeUndefined();
    expect(await park("too late")).toBeUndefined();
    expect(parked.size).toBe(0);
  });

  it("does not throw away what a try claims while the client goes", async () => {
    const parked = createParkedClaims<string>();
    const result = deferred<string | undefined>();
    const client = new AbortController();
    const claim = parked.park({
      taskTypes: ["docs"],
      attempt: () => result.promise,
      waitMs: 10_000,
      signal: client.signal,
      sinceGeneration: parked.generation() - 1,
    });
    client.abort();
    result.resolve("held");
    expect(await claim).toBe("held");
  });

  it("tells the claimer when its try fails, and goes on with the next", async () => {
    const { parked, orders, park } = setUp();
    const broken = parked.park({
      taskTypes: ["docs"],
      attempt: async () => {
        throw new Error("database gone");
      },
      waitMs: 10_000,
      signal: never,
      sinceGeneration: parked.generation(),
    });
    const next = park("next");
    orders.push("x");
    parked.wake();
    await expect(broken).rejects.toThrow("database gone");
    expect(await next).toBe("next:x");
  });

  it("tries again when it is woken during a try", async () => {
    const parked = createParkedClaims<string>();
    const first = deferred<string | undefined>();
    const answers: Promise<string | undefined>[] = [first.promise, Promise.resolve("second")];
    const claim = parked.park({
      taskTypes: ["docs"],
      attempt: () => answers.shift() ?? Promise.resolve(undefined),
      waitMs: 10_000,
      signal: never,
      sinceGeneration: parked.generation(),
    });
    parked.wake();
    parked.wake();
    first.resolve(undefined);
    expect(await claim).toBe("second");
  });
});
