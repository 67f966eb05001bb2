import type { FailureResult } from "@agentvine/contracts";
import { backoffDelayMs } from "@agentvine/kit";

/** How failed attempts come back. */
export interface RetryPolicy {
  /** Upper bound of the first delay; each further one doubles. */
  baseMs: number;
  maxMs: number;
  /** Leases an order may lose: the last of them makes it a dead letter. */
  lostLeasesMax: number;
  /** A number in [0, 1). */
  random: () => number;
}

export const defaultRetryPolicy: RetryPolicy = {
  baseMs: 10_000,
  maxMs: 15 * 60_000,
  lostLeasesMax: 3,
  random: Math.random,
};

export const maxRetriesDefault = 3;

/** What becomes of an order whose attempt failed. `given_up`: it would have been tried again, but has no tries left. */
export type FailureVerdict =
  | { kind: "retry"; delayMs: number }
  | { kind: "given_up" }
  | { kind: "cancelled" }
  | { kind: "final" };

type Failure = Pick<FailureResult, "outcome" | "failure" | "isRetryable" | "retryAfterMs">;

/** True when another try may help: what failed was not the agent's work but the world around it. */
export function mayPass(result: Failure): boolean {
  if (result.outcome !== "failed") {
    return false;
  }
  switch (result.failure) {
    case "infrastructure":
      return true;
    // A network fault of the checkout, or a model that was out: only the worker can tell it from a real failure.
    case "checkout":
    case "agent":
      return result.isRetryable;
    default:
      return false;
  }
}

/** Decides over a failed attempt. `retryCount`: tries used so far, this failure not counted. */
export function judgeFailure(
  result: Failure,
  order: { retryCount: number; maxRetries: number },
  policy: RetryPolicy,
): FailureVerdict {
  if (result.outcome === "cancelled") {
    return { kind: "cancelled" };
  }
  if (!mayPass(result)) {
    return { kind: "final" };
  }
  if (order.retryCount >= order.maxRetries) {
    return { kind: "given_up" };
  }
  const backoffMs = backoffDelayMs(order.retryCount + 1, policy);
  return { kind: "retry", delayMs: Math.max(backoffMs, result.retryAfterMs ?? 0) };
}

/** What becomes of an order whose lease ran out. `lostLeases`: leases lost so far, this one not counted. */
export const judgeLoss = (lostLeases: number, policy: RetryPolicy): "again" | "bury" =>
  lostLeases + 1 >= policy.lostLeasesMax ? "bury" : "again";
