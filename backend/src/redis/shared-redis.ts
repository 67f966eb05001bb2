import { coerceError, type Logger } from "@agentvine/kit";
import type { Redis } from "ioredis";
import { redisTls } from "./redis-tls.ts";

/** A Redis that backends share for what may fail but must not wait. It is asked only while it answers. */
export interface SharedRedis {
  /** For commands, within `attempt` or where their failing is the answer. */
  readonly client: Redis;
  /** Begins every key and channel, so that installations on one Redis do not meet. */
  readonly prefix: string;
  /** What Redis made of it; undefined, at once or after 250 ms, while Redis does not answer. */
  attempt<T>(work: () => Promise<T>): Promise<T | undefined>;
  close(): void;
}

export interface SharedRedisOptions {
  url: string;
  /** CA of its certificate; undefined: the usual ones. */
  caFile?: string | undefined;
  prefix: string;
  logger: Logger;
}

/** The longest that anybody waits for an answer. */
const answerMsMax = 250;
/** After a fault, Redis is left alone for so long; then one asks. */
const pauseMs = 1_000;

/**
 * Connects in the background and comes back by itself. A Redis that hangs slows one request down, not all of them: while it is in
 * doubt, one asks and the others go on without it. Says once what is wrong, and once that it is over.
 */
export async function openSharedRedis({
  url,
  caFile,
  prefix,
  logger,
}: SharedRedisOptions): Promise<SharedRedis> {
  // Loaded here and not before: most installations have no Redis.
  const { Redis } = await import("ioredis");
  const client = new Redis(url, {
    ...redisTls(caFile),
    connectionName: "agentvine",
    // What can't be sent or answered now is refused now.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    connectTimeout: 5_000,
    commandTimeout: answerMsMax,
    keepAlive: 10_000,
    retryStrategy: (attempt) => Math.min(50 * 2 ** Math.min(attempt, 7), 2_000),
  });
  let restsUntilMs = 0;
  let isTold = false;

  function onFault(error: Error): void {
    restsUntilMs = performance.now() + pauseMs;
    if (isTold) return;
    isTold = true;
    logger.warn({ err: error }, "Redis does not answer: this backend goes on without it until it does");
  }

  client.on("error", (error) => onFault(coerceError(error)));
  return {
    client,
    prefix,
    async attempt(work) {
      const nowMs = performance.now();
      if (client.status !== "ready" || nowMs < restsUntilMs) return undefined;
      // While it is in doubt, nobody else waits with us.
      if (isTold) restsUntilMs = nowMs + pauseMs;
      try {
        const done = await work();
        if (isTold) {
          isTold = false;
          restsUntilMs = 0;
          logger.info("Redis answers again");
        }
        return done;
      } catch (error) {
        onFault(coerceError(error));
        return undefined;
      }
    },
    close: () => client.disconnect(),
  };
}
