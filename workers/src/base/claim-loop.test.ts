import type { Claim, ClaimRequestInput } from "@agentvine/contracts";
import { type AppError, newId } from "@agentvine/kit";
import { waitUntil } from "@agentvine/testkit";
import { describe, expect, it } from "vitest";
import { runClaimLoop } from "./claim-loop.ts";
import { Slots } from "./slots.ts";
import { FakeClock, settle } from "./testing/fake-clock.ts";
import { aClaim, apiError, silentLogger } from "./testing/fakes.ts";

type Answer = Claim | "none" | Error | "hang";

/** A claim loop over a list of answers; when they are used up, a poll hangs until it is aborted. */
const aLoop = (
  answers: Answer[],
  setUp: { slots?: number; fault?: () => string | null; replyMs?: number } = {},
) => {
  const clock = new FakeClock();
  const slots = new Slots(setUp.slots ?? 2);
  const stop = new AbortController();
  const polls: { key: string; body: ClaimRequestInput }[] = [];
  const seen = {
    claims: [] as Claim[],
    leasesFromMs: [] as number[],
    unwanted: [] as Claim[],
    reasons: [] as string[],
    fatal: [] as AppError[],
    registered: 0,
  };
  const done = runClaimLoop(
    {
      api: {
        claim: async (body, key, signal) => {
          polls.push({ key, body });
          const answer = answers.shift() ?? "hang";
          if (setUp.replyMs !== undefined) await clock.sleep(setUp.replyMs, signal);
          if (answer instanceof Error) throw answer;
          if (answer !== "hang") return answer === "none" ? undefined : answer;
          return await new Promise((_, reject) =>
            signal.addEventListener("abort", () => reject(signal.reason)),
          );
        },
      },
      slots,
      offer: () => ({ workerId: newId(), instanceId: newId(), taskTypes: ["docs"], labels: [] }),
      waitSeconds: 25,
      readFault: async () => setUp.fault?.() ?? null,
      onClaim: (claim, leaseFromMs) => {
        seen.claims.push(claim);
        seen.leasesFromMs.push(leaseFromMs);
        slots.take();
      },
      onUnwantedClaim: async (claim, reason) => {
        seen.unwanted.push(claim);
        seen.reasons.push(reason);
      },
      onUnknownWorker: async () => {
        seen.registered += 1;
      },
      onFatal: (error) => seen.fatal.push(error),
      logger: silentLogger,
      clock,
      sleep: clock.sleep,
      random: () => 0.5,
    },
    stop.signal,
  );
  const end = async () => {
    stop.abort(new Error("stop"));
    await done;
  };
  return { clock, slots, polls, seen, end, done };
};

describe("runClaimLoop", () => {
  it("fills its slots, one order per poll, each with its own key, and asks no more when they are full", async () => {
    const loop = aLoop([aClaim(), "none", aClaim()]);
    await loop.clock.advance(1_000);
    expect(loop.seen.claims).toHaveLength(2);
    await settle();
    expect(loop.polls.map(({ body }) => body.slots)).toEqual([2, 1, 1]);
    expect(new Set(loop.polls.map(({ key }) => key)).size).toBe(3);
    await loop.end();
    expect(loop.polls).toHaveLength(3);
  });

  it("counts a lease from when it asked, but for what the backend says it waited", async () => {
    const old = aClaim();
    const loop = aLoop([aClaim({ waitedMs: 20_000 }), old], { replyMs: 30_000 });
    await loop.clock.advance(60_000);
    // The second backend does not say how long it waited: its lease counts from the reply.
    expect(loop.seen.leasesFromMs).toEqual([20_000, 60_000]);
    await loop.end();
  });

  it("asks again as soon as a slot is free", async () => {
    const loop = aLoop([aClaim(), aClaim()], { slots: 0 });
    await settle();
    expect(loop.polls).toHaveLength(0);
    const full = new Slots(1);
    const give = full.take();
    const waits = full.whenFree(new AbortController().signal);
    give();
    give();
    await waits;
    expect(full.free).toBe(1);
    await loop.end();
  });

  it("keeps its key while it tries again, so that a lost answer is not a lost order", async () => {
    const claim = aClaim();
    const loop = aLoop([apiError("server.unreachable"), apiError("database.unavailable"), claim], {
      slots: 1,
    });
    await loop.clock.advance(60_000);
    await waitUntil(() => loop.seen.claims.length === 1);
    expect(loop.polls).toHaveLength(3);
    expect(new Set(loop.polls.map(({ key }) => key)).size).toBe(1);
    expect(loop.clock.delaysMs).toEqual([250, 500]);
    await loop.end();
  });

  it("waits as long as the backend asks for, and a random while more, because others were asked as well", async () => {
    const loop = aLoop([apiError("request.rate_limited", { retryAfterMs: 9_000 }), "hang", "none"]);
    await loop.clock.advance(13_499);
    expect(loop.polls).toHaveLength(1);
    await loop.clock.advance(1);
    expect(loop.polls).toHaveLength(2);
    await loop.end();
  });

  it("does not storm a backend that sends it home at once, and asks at once after a poll that was waited with", async () => {
    const hasty = aLoop(Array.from({ length: 1_000 }, () => "none" as const));
    await hasty.clock.advance(60_000);
    expect(hasty.polls.length).toBeLessThan(20);
    await hasty.end();
    const patient = aLoop(["none", "none", "none"], { replyMs: 25_000 });
    await patient.clock.advance(75_000);
    expect(patient.clock.delaysMs).toEqual([25_000, 25_000, 25_000, 25_000]);
    await patient.end();
  });

  it.each([
    ["worker.superseded", "worker.superseded"],
    ["auth.invalid", "auth.invalid"],
    ["auth.forbidden", "auth.invalid"],
  ] as const)("stops for good when the backend answers %s", async (code, expected) => {
    const loop = aLoop([apiError(code)]);
    await loop.done;
    expect(loop.seen.fatal.map((error) => error.code)).toEqual([expected]);
    expect(loop.polls).toHaveLength(1);
  });

  it("registers again when the backend forgot the worker", async () => {
    const loop = aLoop([apiError("worker.not_found"), aClaim()], { slots: 1 });
    await loop.clock.advance(1_000);
    expect([loop.seen.registered, loop.seen.claims.length]).toEqual([1, 1]);
    await loop.end();
  });

  it("takes nothing while the machine has a fault, and goes on when it is gone", async () => {
    let fault: string | null = "disk full";
    const loop = aLoop([aClaim()], { slots: 1, fault: () => fault });
    await loop.clock.advance(20_000);
    expect(loop.polls).toHaveLength(0);
    fault = null;
    await loop.clock.advance(5_000);
    expect(loop.seen.claims).toHaveLength(1);
    await loop.end();
  });

  it("gives an order back at once that arrives when the disk has filled up meanwhile, with the reason", async () => {
    const claims = [aClaim(), aClaim()];
    const faults = [null, "disk full", "disk full", null, null];
    const loop = aLoop([...claims], { slots: 1, fault: () => faults.shift() ?? null });
    await settle();
    expect(loop.seen.unwanted).toEqual([claims[0]]);
    expect(loop.seen.reasons).toEqual(["disk full"]);
    expect(loop.seen.claims).toEqual([]);
    await loop.clock.advance(5_000);
    expect(loop.seen.claims).toEqual([claims[1]]);
    await loop.end();
  });

  it("gives an order back at once that was leased to a poll which a stop cut off", async () => {
    const claim = aClaim();
    const loop = aLoop(["hang", claim]);
    await settle();
    await loop.end();
    expect(loop.seen.unwanted).toEqual([claim]);
    expect(loop.seen.claims).toEqual([]);
    expect(loop.polls[1]?.key).toBe(loop.polls[0]?.key);
    expect(loop.polls[1]?.body.waitSeconds).toBe(0);
  });

  it("ends quietly when the backend is away while it stops", async () => {
    const loop = aLoop(["hang", apiError("server.unreachable")]);
    await settle();
    await loop.end();
    expect(loop.seen.unwanted).toEqual([]);
  });
});
