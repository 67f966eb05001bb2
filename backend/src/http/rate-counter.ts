import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from "rate-limiter-flexible";
import type { SharedRedis } from "../redis/shared-redis.ts";

/** Where a caller stands after a request was counted. */
export interface Count {
  isAllowed: boolean;
  /** Requests that are still allowed in this window. */
  remaining: number;
  /** Milliseconds until the window ends and counting begins anew. */
  resetMs: number;
}

export interface RateCounter {
  /** Counts one request of the caller. Never throws, and waits for Redis 250 ms at most. */
  take(caller: string): Promise<Count>;
}

export interface RateCounterOptions {
  /** What is counted; part of the keys in Redis. */
  name: string;
  requestsMax: number;
  windowSeconds: number;
  /** Undefined: this process counts alone. */
  shared: SharedRedis | undefined;
}

/** Counts in fixed windows, each beginning with a caller's first request: over all backends by Redis, in this process without it. */
export function createRateCounter(options: RateCounterOptions): RateCounter {
  const { requestsMax, windowSeconds, shared } = options;
  const limits = {
    points: requestsMax,
    duration: windowSeconds,
    keyPrefix: `agentvine:rate:${options.name}`,
  };
  const own = new RateLimiterMemory(limits);
  if (shared === undefined) return { take: (caller) => count(own, caller) };
  const common = new RateLimiterRedis({
    ...limits,
    storeClient: shared.client,
    // Who is over the limit costs Redis nothing until the window ends.
    inMemoryBlockOnConsumed: requestsMax + 1,
  });
  return {
    take: async (caller) => (await shared.attempt(() => count(common, caller))) ?? (await count(own, caller)),
  };
}

/** The library refuses with the same object that it allows with; anything else that is thrown is a fault. */
async function count(limiter: RateLimiterMemory | RateLimiterRedis, caller: string): Promise<Count> {
  try {
    const { remainingPoints, msBeforeNext } = await limiter.consume(caller);
    return { isAllowed: true, remaining: remainingPoints, resetMs: msBeforeNext };
  } catch (error) {
    if (!(error instanceof RateLimiterRes)) throw error;
    return { isAllowed: false, remaining: 0, resetMs: error.msBeforeNext };
  }
}
