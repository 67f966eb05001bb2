import { describe, expect, it, vi } from "vitest";
import type { Clock } from "./clock.ts";
import { backoffDelayMs, type RetryOptions, retry, retryDelayMs } from "./retry.ts";

describe("backoffDelayMs", () => {
  it("doubles the ceiling with every attempt up to the maximum", () => {
    const random = (): number => 1;
    const delays = [1, 2, 3, 4, 5].map((attempt) =>
      backoffDelayMs(attempt, { baseMs: 100, maxMs: 1000, random }),
    );
    expect(delays).toEqual([100, 200, 400, 800, 1000]);
    expect(backoffDelayMs(5000, { baseMs: 100, maxMs: 1000, random })).toBe(1000);
  });

  it("spreads the delay over the whole range", () => {
    expect(backoffDelayMs(3, { baseMs: 100, maxMs: 1000, random: () => 0 })).toBe(0);
    const delay = backoffDelayMs(3, { baseMs: 100, maxMs: 1000 });
    expect(delay).toBeGreaterThanOrEqual(0);
    expect(delay).toBeLessThanOrEqual(400);
  });
});

describe("retryDelayMs", () => {
  const delay = (attempt: number, retryAfterMs: number | undefined, random: number) =>
    retryDelayMs(attempt, retryAfterMs, { baseMs: 100, maxMs: 10_000, random: () => random });

  it("is never shorter than the other side asked, and spreads those who were told the same over as long again", () => {
    expect([delay(1, 5_000, 0), delay(1, 5_000, 0.5), delay(1, 5_000, 1)]).toEqual([5_000, 7_500, 10_000]);
    expect([delay(1, 60_000, 0), delay(1, 60_000, 1)]).toEqual([60_000, 70_000]);
  });

  it("is a plain backoff when nothing was asked", () => {
    expect([delay(1, undefined, 1), delay(3, 0, 1)]).toEqual([100, 400]);
  });
});

function harness(over: Partial<RetryOptions> = {}) {
  let timeMs = 0;
  const delays: number[] = [];
  const clock: Clock = { now: () => new Date(timeMs), monotonicMs: () => timeMs };
  const options: RetryOptions = {
    baseMs: 100,
    maxMs: 10_000,
    isRetryable: () => true,
    clock,
    random: () => 0,
    sleep: async (ms) => {
      delays.push(ms);
      timeMs += ms;
    },
    ...over,
  };
  return { options, delays };
}

const failing = (times: number) => async (attempt: number) => {
  if (attempt <= times) {
    throw new Error(`failure ${attempt}`);
  }
  return attempt;
};

describe("retry", () => {
  it("returns the first success and tells each retry", async () => {
    const onRetry = vi.fn();
    const { options, delays } = harness({ onRetry });
    expect(await retry(failing(2), options)).toBe(3);
    expect(onRetry.mock.calls.map(([, attempt, delayMs]) => [attempt, delayMs])).toEqual([
      [1, delays[0]],
      [2, delays[1]],
    ]);
  });

  it("stops after the greatest number of attempts with the last error", async () => {
    const { options, delays } = harness({ attemptsMax: 3 });
    await expect(retry(failing(9), options)).rejects.toThrow("failure 3");
    expect(delays).toHaveLength(2);
  });

  it("starts no attempt beyond the greatest elapsed time", async () => {
    const { options, delays } = harness({ elapsedMsMax: 2500, retryAfterMs: () => 1000, baseMs: 1 });
    await expect(retry(failing(9), options)).rejects.toThrow("failure 3");
    expect(delays).toEqual([1000, 1000]);
  });

  it("does not repeat what is not retryable", async () => {
    const { options, delays } = harness({ isRetryable: () => false });
    await expect(retry(failing(9), options)).rejects.toThrow("failure 1");
    expect(delays).toEqual([]);
  });

  it("waits at least as long as the other side asked", async () => {
    const { options, delays } = harness({ retryAfterMs: () => 5000 });
    await retry(failing(1), options);
    expect(delays).toEqual([5000]);
  });

  it("stops with the reason of an aborted signal, before an attempt and while waiting", async () => {
    const reason = new Error("shutdown");
    const never = vi.fn(failing(0));
    await expect(retry(never, harness({ signal: AbortSignal.abort(reason) }).options)).rejects.toBe(reason);
    expect(never).not.toHaveBeenCalled();

    const controller = new AbortController();
    const waiting = retry(failing(9), {
      baseMs: 60_000,
      maxMs: 60_000,
      retryAfterMs: () => 60_000,
      isRetryable: () => true,
      signal: controller.signal,
      onRetry: () => queueMicrotask(() => controller.abort(reason)),
    });
    await expect(waiting).rejects.toBe(reason);
  });
});
