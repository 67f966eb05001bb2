import { executionOutcomes, failureKinds } from "@agentvine/contracts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { defaultRetryPolicy, judgeFailure, judgeLoss, mayPass, type RetryPolicy } from "./retry-policy.ts";

const policy: RetryPolicy = { baseMs: 1_000, maxMs: 8_000, lostLeasesMax: 3, random: () => 0.5 };
const fresh = { retryCount: 0, maxRetries: 3 };

describe("judging a failed attempt", () => {
  it.each([
    ["infrastructure", false, true],
    ["infrastructure", true, true],
    ["checkout", true, true],
    ["checkout", false, false],
    ["agent", true, true],
    ["agent", false, false],
    ["verification", true, false],
    ["setup", true, false],
    [null, true, false],
  ] as const)("failure %s, isRetryable %s: tried again %s", (failure, isRetryable, expected) => {
    expect(mayPass({ outcome: "failed", failure, isRetryable })).toBe(expected);
  });

  it.each(["refused", "timed_out"] as const)("never tries again what was %s", (outcome) => {
    const result = { outcome, failure: "infrastructure", isRetryable: true } as const;
    expect(judgeFailure(result, fresh, policy)).toEqual({ kind: "final" });
  });

  it("takes a worker's cancellation as one", () => {
    expect(judgeFailure({ outcome: "cancelled", failure: null, isRetryable: false }, fresh, policy)).toEqual({
      kind: "cancelled",
    });
  });

  it("doubles the bound of the delay, up to the ceiling", () => {
    const delays = [0, 1, 2, 3, 4].map((retryCount) => {
      const verdict = judgeFailure(
        { outcome: "failed", failure: "infrastructure", isRetryable: false },
        { retryCount, maxRetries: 10 },
        policy,
      );
      return verdict.kind === "retry" ? verdict.delayMs : undefined;
    });
    expect(delays).toEqual([500, 1_000, 2_000, 4_000, 4_000]);
  });

  it("waits at least as long as the provider asked", () => {
    const result = { outcome: "failed", failure: "agent", isRetryable: true, retryAfterMs: 60_000 } as const;
    expect(judgeFailure(result, fresh, policy)).toEqual({ kind: "retry", delayMs: 60_000 });
  });

  it("never retries more often than allowed, whatever comes in", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...executionOutcomes.filter((o) => o === "failed" || o === "refused")),
        fc.constantFrom(...failureKinds, null),
        fc.boolean(),
        fc.nat(10),
        fc.nat(10),
        (outcome, failure, isRetryable, retryCount, maxRetries) => {
          if (outcome !== "failed" && outcome !== "refused") return;
          const verdict = judgeFailure(
            { outcome, failure, isRetryable },
            { retryCount, maxRetries },
            defaultRetryPolicy,
          );
          if (verdict.kind === "retry") {
            expect(retryCount).toBeLessThan(maxRetries);
            expect(verdict.delayMs).toBeLessThanOrEqual(defaultRetryPolicy.maxMs);
          }
        },
      ),
    );
  });
});

describe("judging a lost lease", () => {
  it("gives an order up with its third loss", () => {
    expect([0, 1, 2].map((losses) => judgeLoss(losses, policy))).toEqual(["again", "again", "bury"]);
  });
});
