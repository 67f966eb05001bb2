import { coerceError, type Logger, sleep } from "@agentvine/kit";
import pg from "pg";
import { connectionOptions } from "./connection-options.ts";
import type { GuardedPool } from "./guarded-pool.ts";

export interface DatabaseWatch {
  stop(): Promise<void>;
}

export interface DatabaseWatchOptions {
  url: string;
  pools: readonly GuardedPool[];
  logger: Logger;
  /** Pause between two looks. */
  intervalMs?: number;
  /** A server that answers `select 1` no sooner than this counts as silent. */
  answerMsMax?: number;
}

type State = "up" | "refusing" | "silent";

const secondsSince = (startedMs: number): number => Math.round((performance.now() - startedMs) / 1_000);

/**
 * Asks the database again and again, over a connection of its own that no load can take away, whether it is there. Tells the log
 * once when it goes and once when it is back, and the pools when it is silent, so that nobody waits for it.
 */
export function watchDatabase(options: DatabaseWatchOptions): DatabaseWatch {
  const { url, pools, logger, intervalMs = 1_000, answerMsMax = 3_000 } = options;
  const stopping = new AbortController();
  let client: pg.Client | undefined;
  let state: State = "up";
  let sinceMs = performance.now();

  const drop = (): void => {
    client?.connection.stream.destroy();
    client = undefined;
  };

  const enter = (next: State, error?: unknown): void => {
    if (next === state) return;
    if (state === "up") {
      sinceMs = performance.now();
      logger.warn({ err: coerceError(error), state: next }, "the database can't be reached");
    } else if (next === "up") {
      logger.info(
        { seconds: secondsSince(sinceMs) },
        `the database answers again after ${secondsSince(sinceMs)} s`,
      );
    }
    state = next;
    for (const pool of pools) pool.isSilent = next === "silent";
  };

  const ask = async (): Promise<void> => {
    if (client === undefined) {
      client = new pg.Client({
        ...connectionOptions(url),
        application_name: "agentvine watch",
        keepAlive: true,
      });
      client.on("error", drop);
      await client.connect();
    }
    await client.query("select 1");
  };

  const look = async (): Promise<void> => {
    try {
      const isHeard = pools.map((pool) => pool.listen());
      const answer = ask();
      answer.catch(() => {});
      const isAnswered = await settlesWithin(answer, answerMsMax, stopping.signal);
      if (stopping.signal.aborted) return;
      if (!isAnswered) {
        drop();
        // On a machine that is very busy a new connection takes its time: a server that speaks to others is not silent.
        if (state === "up" && isHeard.some((isAny) => isAny())) return;
        enter("silent", new Error(`no answer within ${answerMsMax} ms`));
        return;
      }
      await answer;
      enter("up");
    } catch (error) {
      drop();
      enter("refusing", error);
    }
  };

  const loop = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await look();
      await sleep(intervalMs, stopping.signal).catch(() => {});
    }
    drop();
  };
  const running = loop();

  return {
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}

/**
 * True when the promise settles in time, however. After the time a settling that has come already still counts: when our own process
 * was held up, the timer fires before the answer is read.
 */
async function settlesWithin(
  pending: Promise<unknown>,
  msMax: number,
  signal: AbortSignal,
): Promise<boolean> {
  let isSettled = false;
  const settled = pending.then(
    () => {
      isSettled = true;
    },
    () => {
      isSettled = true;
    },
  );
  const enough = new AbortController();
  const stop = (): void => enough.abort();
  signal.addEventListener("abort", stop, { once: true });
  await Promise.race([settled, sleep(msMax, enough.signal).catch(() => {})]);
  signal.removeEventListener("abort", stop);
  enough.abort();
  for (let round = 0; round < 3 && !isSettled; round += 1) {
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  return isSettled;
}
