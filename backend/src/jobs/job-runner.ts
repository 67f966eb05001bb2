import { AppError, backoffDelayMs, coerceError, deferred, type Logger, sleep } from "@agentvine/kit";
import type { Chore } from "./chore.ts";
import { connectJobs, type JobConnection, type JobQueue, type JobWorker } from "./job-connection.ts";
import { scheduleChores } from "./schedule-chores.ts";

const queueName = "maintenance";

export interface JobRunner {
  /** Resolves when the chores are scheduled for the first time, or the runner was stopped before. */
  readonly started: Promise<void>;
  /** The queue, for the board; undefined until it is connected. */
  queue(): JobQueue | undefined;
  /** @throws when the background queue does not answer. */
  ping(): Promise<void>;
  /** Waits a few seconds for chores that are being done, then leaves them. */
  stop(): Promise<void>;
}

export interface JobRunnerOptions {
  databaseUrl: string;
  redisUrl: string | undefined;
  chores: readonly Chore[];
  logger: Logger;
  /** How often to look whether the schedules are still there. */
  checkMs?: number;
  /** How long stopping waits for chores that are being done. */
  closeMs?: number;
}

const checkMsDefault = 30_000;
const closeMsDefault = 5_000;
/** Cutting needs no answer from anybody; what can hang in it is left. */
const cutMsMax = 1_000;

/**
 * Runs chores at their times by BullMQ: one run per time, however many backends there are. Connects in the background and keeps
 * trying: neither the start of the server nor its requests depend on it. Schedules that Redis forgot are made again.
 */
export function startJobRunner(options: JobRunnerOptions): JobRunner {
  const {
    databaseUrl,
    redisUrl,
    chores,
    logger,
    checkMs = checkMsDefault,
    closeMs = closeMsDefault,
  } = options;
  const stopping = new AbortController();
  const byName = new Map(chores.map((chore) => [chore.name, chore]));
  const reportFault = createFaultReporter(logger, stopping.signal);
  /** Settled when the first try to connect has come to something. */
  const tried = deferred<void>();
  let connection: JobConnection | undefined;
  let open: { queue: JobQueue; worker: JobWorker } | undefined;

  const handlers = {
    onError: reportFault.report,
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
    connection = await connectJobs({ databaseUrl, redisUrl, onError: handlers.onError });
    if (stopping.signal.aborted) return await close();
    // A place for each: one that hangs holds up no other.
    open = connection.open(queueName, handlers, chores.length + 1);
    tried.resolve();
    const { queue } = open;
    await scheduleChores(queue, chores, { isFirst: true });
    connection.onReturn(() => void check(queue));
  }

  async function check(queue: JobQueue): Promise<void> {
    try {
      await scheduleChores(queue, chores);
      reportFault.reset();
    } catch (error) {
      reportFault.report(coerceError(error));
    }
  }

  async function keepTrying(): Promise<void> {
    for (let attempt = 1; !stopping.signal.aborted; attempt += 1) {
      try {
        await connect();
        return;
      } catch (error) {
        tried.resolve();
        reportFault.report(coerceError(error));
        await close();
        await sleep(backoffDelayMs(attempt, { baseMs: 500, maxMs: 30_000 }), stopping.signal).catch(() => {});
      }
    }
  }

  async function keepChecking(): Promise<void> {
    for (;;) {
      await sleep(checkMs, stopping.signal);
      if (open !== undefined) await check(open.queue);
    }
  }

  /** Never hangs: what a backend that is gone would be asked for is left out. */
  async function close(): Promise<void> {
    const closing = open;
    const cutting = connection;
    open = undefined;
    connection = undefined;
    const isThere = await cutting?.ping().then(
      () => true,
      () => false,
    );
    if (closing !== undefined && isThere === true) {
      await within(closeMs, [closing.worker.close(), closing.queue.close()]);
    }
    // Cutting refuses what still waits for an answer, for a chore that hangs or a backend that is gone.
    await within(cutMsMax, [closing?.worker.disconnect(), closing?.worker.close(true), cutting?.close()]);
  }

  const trying = keepTrying();
  const checking = trying.then(keepChecking).catch(() => {});
  // A command to a Redis that is gone may never be answered.
  const stopped = new Promise<void>((resolve) => {
    stopping.signal.addEventListener("abort", () => resolve(), { once: true });
  });
  const started = Promise.race([trying, stopped]);
  return {
    started,
    queue: () => open?.queue,
    async ping() {
      await tried.promise;
      if (connection === undefined || open === undefined)
        throw new AppError("queue.unavailable", "The background queue is not connected yet.");
      await connection.ping();
    },
    async stop() {
      stopping.abort();
      tried.resolve();
      // What waits for an answer is refused now, so that nothing below waits for it.
      await close();
      await within(cutMsMax, [trying, checking]);
      await close();
    },
  };
}

/** Waits for all of them at most this long; how they end does not matter any more. */
async function within(ms: number, work: readonly (Promise<unknown> | undefined)[]): Promise<void> {
  const late = new AbortController();
  await Promise.race([Promise.allSettled(work), sleep(ms, late.signal).catch(() => {})]);
  late.abort();
}

/** A backend that is gone makes every object complain every few seconds: the first time is worth a warning. */
function createFaultReporter(logger: Logger, stopping: AbortSignal) {
  let isTold = false;
  return {
    report(error: Error): void {
      if (stopping.aborted) return;
      logger[isTold ? "debug" : "warn"]({ err: error }, "the background queue has a fault, trying again");
      isTold = true;
    },
    reset(): void {
      isTold = false;
    },
  };
}
