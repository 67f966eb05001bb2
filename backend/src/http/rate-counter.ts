import { coerceError, type Logger } from "@agentvine/kit";
import type { Redis } from "ioredis";
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from "rate-limiter-flexible";

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
  shared: SharedStore | undefined;
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
    storeClient: shared.redis,
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

/** A Redis that is asked only while it answers. */
export interface SharedStore {
  readonly redis: Redis;
  /** What Redis made of it; undefined, at once or after 250 ms, while Redis does not answer. */
  attempt<T>(work: () => Promise<T>): Promise<T | undefined>;
}

/** After a fault, Redis is left alone for so long; then one request tries. */
const pauseMs = 1_000;

/** Keeps a Redis that hangs from slowing every request down: after one that waited in vain, the others do not. Says once what is wrong. */
export function createSharedStore(redis: Redis, logger: Logger): SharedStore {
  let restsUntilMs = 0;
  let isTold = false;

  function onFault(error: Error): void {
    restsUntilMs = performance.now() + pauseMs;
    if (isTold) return;
    isTold = true;
    logger.warn({ err: error }, "Redis does not answer: this backend counts requests alone until it does");
  }

  redis.on("error", (error) => onFault(coerceError(error)));
  return {
    redis,
    async attempt(work) {
      const nowMs = performance.now();
      if (redis.status !== "ready" || nowMs < restsUntilMs) return undefined;
      // While it is in doubt, nobody else waits with us.
      if (isTold) restsUntilMs = nowMs + pauseMs;
      try {
        const done = await work();
        if (isTold) {
          isTold = false;
          restsUntilMs = 0;
          logger.info("Redis answers again: requests are counted over all backends");
        }
        return done;
      } catch (error) {
        onFault(coerceError(error));
        return undefined;
      }
    },
  };
}
