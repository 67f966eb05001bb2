import { sleep as realSleep } from "./async.ts";
import { type Clock, systemClock } from "./clock.ts";

export interface BackoffOptions {
  baseMs: number;
  maxMs: number;
  /** A number in [0, 1); replaced in tests. */
  random?: () => number;
}

/**
 * Milliseconds to wait after the given failed attempt (1, 2, ...): a random part of an exponentially growing
 * ceiling ("full jitter"), so that many clients that failed together do not come back together.
 */
export function backoffDelayMs(
  attempt: number,
  { baseMs, maxMs, random = Math.random }: BackoffOptions,
): number {
  // 2^30 is beyond any sensible ceiling; the cap keeps the power finite for an endless retry.
  const ceilingMs = Math.min(maxMs, baseMs * 2 ** Math.min(attempt - 1, 30));
  return Math.round(random() * ceilingMs);
}

/**
 * Milliseconds to wait after the given failed attempt when the other side may have asked for patience (a Retry-After): never less than
 * that, and spread over as long again, because everybody who failed together was told the same.
 * @param retryAfterMs 0 or undefined when nothing was asked.
 */
export function retryDelayMs(
  attempt: number,
  retryAfterMs: number | undefined,
  { baseMs, maxMs, ...random }: BackoffOptions,
): number {
  const askedMs = retryAfterMs ?? 0;
  const spreadMs = Math.min(maxMs, askedMs);
  return askedMs + backoffDelayMs(attempt, { baseMs: Math.max(baseMs, spreadMs), maxMs, ...random });
}

export interface RetryOptions {
  /** How often `fn` is called at most; without it only `elapsedMsMax`, `isRetryable` and `signal` end the retries. */
  attemptsMax?: number;
  /** No attempt starts later than this after the first one. */
  elapsedMsMax?: number;
  baseMs: number;
  maxMs: number;
  isRetryable: (error: unknown) => boolean;
  /** What the other side asked us to wait at least (a Retry-After header, for example). */
  retryAfterMs?: (error: unknown) => number | undefined;
  signal?: AbortSignal;
  /** A number in [0, 1); replaced in tests. */
  random?: () => number;
  clock?: Clock;
  sleep?: typeof realSleep;
  onRetry?: (error: unknown, attempt: number, delayMs: number) => void;
}

/**
 * Calls `fn` until it succeeds.
 * @throws the last error of `fn` when it is not retryable or the limits are used up; the signal's reason when aborted.
 */
export async function retry<T>(fn: (attempt: number) => Promise<T>, options: RetryOptions): Promise<T> {
  const clock = options.clock ?? systemClock;
  const sleep = options.sleep ?? realSleep;
  const startedMs = clock.monotonicMs();
  for (let attempt = 1; ; attempt += 1) {
    options.signal?.throwIfAborted();
    try {
      return await fn(attempt);
    } catch (error) {
      options.signal?.throwIfAborted();
      const delayMs = nextDelayMs(error, attempt, clock.monotonicMs() - startedMs, options);
      if (delayMs === undefined) {
        throw error;
      }
      options.onRetry?.(error, attempt, delayMs);
      await sleep(delayMs, options.signal);
    }
  }
}

function nextDelayMs(
  error: unknown,
  attempt: number,
  elapsedMs: number,
  options: RetryOptions,
): number | undefined {
  const { attemptsMax = Number.POSITIVE_INFINITY, elapsedMsMax = Number.POSITIVE_INFINITY } = options;
  if (attempt >= attemptsMax || !options.isRetryable(error)) {
    return undefined;
  }
  const delayMs = retryDelayMs(attempt, options.retryAfterMs?.(error), options);
  return elapsedMs + delayMs > elapsedMsMax ? undefined : delayMs;
}
