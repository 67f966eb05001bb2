import { AppError, backoffDelayMs, coerceError, deferred, type Logger, sleep } from "@agentvine/kit";
import type { Chore } from "./chore.ts";
import { type Delivery, jobOptionsOf } from "./delivery.ts";
import {
  connectJobs,
  type JobConnection,
  type JobHandlers,
  type JobQueue,
  type OpenQueue,
} from "./job-connection.ts";
import { scheduleChores } from "./schedule-chores.ts";

const queueName = "maintenance";

export interface JobRunner {
  /** Resolves when the chores are scheduled for the first time, or the runner was stopped before. */
  readonly started: Promise<void>;
  /** All queues, that of the chores first, for the board; none until they are connected. */
  queues(): JobQueue[];
  /** Makes the job of a delivery, unless there is one. @throws AppError `queue.unavailable` while it is not connected */
  enqueue(delivery: string, id: string, delayMs: number): Promise<void>;
  /** @throws when the background queue does not answer. */
  ping(): Promise<void>;
  /** Waits a few seconds for chores that are being done, then leaves them. */
  stop(): Promise<void>;
}

export interface JobRunnerOptions {
  databaseUrl: string;
  redisUrl: string | undefined;
  /** CA of its certificate; undefined: the usual ones. */
  redisCaFile?: string | undefined;
  /** Begins the keys in Redis, so that installations that share one do not meet. */
  redisPrefix?: string;
  chores: readonly Chore[];
  deliveries?: readonly Delivery[];
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
    redisCaFile,
    redisPrefix = "agentvine",
    chores,
    deliveries = [],
    logger,
    checkMs = checkMsDefault,
    closeMs = closeMsDefault,
  } = options;
  const stopping = new AbortController();
  const reportFault = createFaultReporter(logger, stopping.signal);
  /** Settled when the first try to connect has come to something. */
  const tried = deferred<void>();
  let connection: JobConnection | undefined;
  let open: OpenQueue | undefined;
  let opened: { delivery: Delivery; open: OpenQueue }[] = [];

  const handlers = createHandlers(chores, logger, reportFault.report);

  async function connect(): Promise<void> {
    const place = { databaseUrl, redisUrl, redisCaFile, redisPrefix };
    connection = await connectJobs({ ...place, onError: handlers.onError });
    if (stopping.signal.aborted) return await close();
    // A place for each: one that hangs holds up no other.
    open = connection.open(queueName, handlers, chores.length + 1);
    // All of them before the first waits: whoever looks sees every queue or none.
    opened = openDeliveries(connection, deliveries, reportFault.report);
    await Promise.all([open.start(), ...opened.map((one) => one.open.start())]);
    tried.resolve();
    const { queue } = open;
    await connection.exclusively(() => scheduleChores(queue, chores, { isFirst: true }));
    connection.onReturn(() => void check());
  }

  async function check(): Promise<void> {
    if (open === undefined || connection === undefined) return;
    const { queue } = open;
    try {
      await connection.exclusively(() => scheduleChores(queue, chores));
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
      await check();
    }
  }

  async function close(): Promise<void> {
    const closing = [open, ...opened.map((one) => one.open)].filter((one) => one !== undefined);
    const cutting = connection;
    open = undefined;
    opened = [];
    connection = undefined;
    if (cutting !== undefined) await closeConnection(cutting, closing, closeMs);
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
    queues: () => (open === undefined ? [] : [open.queue, ...opened.map((one) => one.open.queue)]),
    async enqueue(name, id, delayMs) {
      const found = opened.find(({ delivery }) => delivery.name === name);
      if (found === undefined)
        throw new AppError("queue.unavailable", "The background queue is not connected yet.");
      await found.open.queue.add(id, {}, jobOptionsOf(found.delivery, id, delayMs));
    },
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

/** Does the chore that a job names. */
function createHandlers(
  chores: readonly Chore[],
  logger: Logger,
  onError: JobHandlers["onError"],
): JobHandlers {
  const byName = new Map(chores.map((chore) => [chore.name, chore]));
  /** Names of the chores that are being done. */
  const running = new Set<string>();
  return {
    onError,
    onFailed: (name, error) => logger.warn({ err: error, chore: name }, "a chore failed"),
    async process(name) {
      const chore = byName.get(name);
      // Another version of the backend may have scheduled it.
      if (chore === undefined) return { skipped: true };
      // Its next time comes while it hangs, again and again: it would fill every place.
      if (running.has(name)) {
        logger.warn({ chore: name }, "a chore is still being done at its next time, which is left out");
        return { skipped: true };
      }
      running.add(name);
      try {
        const done = await chore.run();
        logger.debug({ chore: name, ...done }, "chore done");
        return done;
      } finally {
        running.delete(name);
      }
    },
  };
}

/** A queue and a worker for each kind of delivery; a job is named after what it delivers. */
const openDeliveries = (
  connection: JobConnection,
  deliveries: readonly Delivery[],
  onError: JobHandlers["onError"],
): { delivery: Delivery; open: OpenQueue }[] =>
  deliveries.map((delivery) => ({
    delivery,
    open: connection.open(
      delivery.name,
      // Why it failed is told by whoever delivers.
      { process: delivery.deliver, onFailed: () => {}, onError },
      delivery.concurrency,
    ),
  }));

/** Lets chores that are being done finish for a while. Never hangs: what a backend that is gone would be asked for is left out. */
async function closeConnection(
  connection: JobConnection,
  opened: readonly OpenQueue[],
  closeMs: number,
): Promise<void> {
  const isThere = await connection.ping().then(
    () => true,
    () => false,
  );
  if (isThere) {
    await within(
      closeMs,
      opened.flatMap(({ worker, queue }) => [worker.close(), queue.close()]),
    );
  }
  // Cutting refuses what still waits for an answer, for a chore that hangs or a backend that is gone.
  const leaving = opened.flatMap(({ worker }) => [worker.disconnect(), worker.close(true)]);
  await within(cutMsMax, [...leaving, connection.close()]);
}

/** Waits for all of them at most this long; how they end does not matter any more. */
async function within(ms: number, work: readonly Promise<unknown>[]): Promise<void> {
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
