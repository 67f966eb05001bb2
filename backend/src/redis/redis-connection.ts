import type { Redis } from "ioredis";

/** The longest that a request waits for Redis, in milliseconds. */
const answerMsMax = 250;

/**
 * A connection for what may fail but not wait: while Redis is away its commands are refused at once, and one without an answer within
 * 250 ms is given up. Comes back by itself. Whoever uses it listens to `error`, or the first fault ends the process.
 */
export async function connectRedis(url: string, name: string): Promise<Redis> {
  // Loaded here and not before: most installations have no Redis.
  const { Redis } = await import("ioredis");
  return new Redis(url, {
    connectionName: `agentvine ${name}`,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    connectTimeout: 5_000,
    commandTimeout: answerMsMax,
    keepAlive: 10_000,
    retryStrategy: (attempt) => Math.min(50 * 2 ** Math.min(attempt, 7), 2_000),
  });
}
