import { AppError, backoffDelayMs, coerceError, type Logger, sleep } from "@agentvine/kit";
import type { Chore } from "./chore.ts";
import { connectJobs, type JobConnection, type JobQueue, type JobWorker } from "./job-connection.ts";

const queueName = "maintenance";

export interface JobRunner {
  /** Resolves when the chores are scheduled for the first time. */
  readonly started: Promise<void>;
  /** The queue, for the board; undefined until it is connected. */
  queue(): JobQueue | undefined;
  /** Rejects when the background queue does not answer. */
  ping(): Promise<void>;
  stop(): Promise<void>;
}

export interface JobRunnerOptions {
  databaseUrl: string;
  redisUrl: string | undefined;
  chores: readonly Chore[];
  logger: Logger;
}

/**
 * Runs chores at their times by BullMQ: one run per time, however many backends there are. Connects in the background and keeps
 * trying: neither the start of the server nor its requests depend on it.
 */
export function startJobRunner({ databaseUrl, redisUrl, chores, logger }: JobRunnerOptions): JobRunner {
  const stopping = new AbortController();
  const byName = new Map(chores.map((chore) => [chore.name, chore]));
  let open: { connection: JobConnection; queue: JobQueue; worker: JobWorker } | undefined;

  const onError = (error: Error): void => {
    if (!stopping.signal.aborted) logger.warn({ err: error }, "the background queue lost a connection");
  };

  const handlers = {
    onError,
    onFailed: (name: string, error: Error) => logger.warn({ err: error, chore: name }, "a chore failed"),
    process: async (name: string): Promise<unknown> => {
      const chore = byName.get(name);
      // Another version of the backend may have scheduled it.
      if (chore === undefined) return { skipped: true };
      const done = await chore.run();
      logger.debug({ chore: name, ...done }, "chore done");
      return done;
    },
  };

  async function connect(): Promise<void> {
    const connection = await connectJobs({ databaseUrl, redisUrl, onError });
    try {
      const { queue, worker } = await connection.open(queueName, handlers);
      open = { connection, queue, worker };
      await Promise.all(
        chores.map(({ name, everySeconds }) =>
          queue.upsertJobScheduler(name, { every: everySeconds * 1_000 }, { name }),
        ),
      );
      await forgetOthers(queue);
    } catch (error) {
      await close();
      throw error;
    }
  }

  async function forgetOthers(queue: JobQueue): Promise<void> {
    for (const scheduler of await queue.getJobSchedulers(0, -1)) {
      if (!byName.has(scheduler.key)) await queue.removeJobScheduler(scheduler.key);
    }
  }

  async function close(): Promise<void> {
    const closing = open;
    open = undefined;
    await closing?.worker.close();
    await closing?.queue.close();
    await closing?.connection.close();
  }

  async function keepTrying(): Promise<void> {
    for (let attempt = 1; !stopping.signal.aborted; attempt += 1) {
      try {
        await connect();
        return;
      } catch (error) {
        logger.warn({ err: coerceError(error) }, "the background queue is not there, trying again");
        await sleep(backoffDelayMs(attempt, { baseMs: 500, maxMs: 30_000 }), stopping.signal).catch(() => {});
      }
    }
  }

  const started = keepTrying();
  return {
    started,
    queue: () => open?.queue,
    async ping() {
      if (open === undefined)
        throw new AppError("queue.unavailable", "The background queue is not connected yet.");
      await open.connection.ping();
    },
    async stop() {
      stopping.abort();
      await started;
      await close();
    },
  };
}
