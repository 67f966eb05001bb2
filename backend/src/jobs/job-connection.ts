import { AppError, coerceError, sleep } from "@agentvine/kit";
import type { PgPool, Queue, Worker } from "bullmq";
import type { PoolClient } from "pg";
import { connectionOptions } from "../database/connection-options.ts";
import { redisTls } from "../redis/redis-tls.ts";

/** BullMQ's own tables live in a schema of their own: not ours to migrate or dump. */
const jobSchema = "bullmq";

/** What we use of a BullMQ queue, whatever its backend. */
export type JobQueue = Pick<
  Queue,
  "name" | "add" | "upsertJobScheduler" | "getJobSchedulers" | "removeJobScheduler" | "close"
>;

export type JobWorker = Pick<Worker, "close" | "disconnect">;

export interface JobHandlers {
  readonly process: (name: string) => Promise<unknown>;
  readonly onFailed: (name: string, error: Error) => void;
  /** Connection errors: each object emits them, and without a handler one would end the process. */
  readonly onError: (error: Error) => void;
}

/** A queue and its worker, which does nothing until it is started. */
export interface OpenQueue {
  readonly queue: JobQueue;
  readonly worker: JobWorker;
  /** Lets the worker take jobs. @throws when the backend is not there: open another one */
  start(): Promise<void>;
}

/** Makes a queue and its worker on one backend: PostgreSQL, or Redis when it is configured. */
export interface JobConnection {
  open(name: string, handlers: JobHandlers, concurrency: number): OpenQueue;
  /** @throws when the backend does not answer within a second. */
  ping(): Promise<void>;
  /** Does something that no other runner does at the same moment. Schedules made by two at once would each run for a while. */
  exclusively(work: () => Promise<void>): Promise<void>;
  /** Calls back whenever the backend is there again after it was gone, and may have forgotten everything. */
  onReturn(listener: () => void): void;
  /** Cuts the connection; whatever still waits for an answer is refused. */
  close(): Promise<void>;
}

// By age, never by count: keeping a count costs a full scan per finished job on PostgreSQL.
const defaultJobOptions = { removeOnComplete: { age: 3_600 }, removeOnFail: { age: 7 * 86_400 } };
// The same on every worker: on Redis the interval a dead worker had left behind would hold.
const workerTimes = { lockDuration: 30_000, stalledInterval: 10_000 };
const connectMsMax = 10_000;

/** Number of the advisory lock under which schedules are made. */
const schedulingLock = 7_420_004;
const lockMsMax = 10_000;
const workMsMax = 30_000;
const answerMsMax = 1_000;

/** @throws when it takes too long, or fails by itself. */
async function soon(answer: Promise<unknown>, msMax = answerMsMax): Promise<void> {
  const late = new AbortController();
  const timeout = sleep(msMax, late.signal).then(() => {
    throw new AppError("queue.unavailable", `The background queue gave no answer within ${msMax} ms.`);
  });
  timeout.catch(() => {});
  await Promise.race([answer, timeout]).finally(() => late.abort());
}

interface Emitter {
  on(event: "error", listener: (error: Error) => void): unknown;
}

const listen = (emitters: readonly Emitter[], onError: (error: Error) => void): void => {
  for (const emitter of emitters) emitter.on("error", (error) => onError(coerceError(error)));
};

/** The classes of one backend, as far as we use them. */
interface JobClasses<Connection> {
  Queue: new (
    name: string,
    options: { connection: Connection; defaultJobOptions: typeof defaultJobOptions; prefix?: string },
  ) => JobQueue & Emitter & { waitUntilReady(): Promise<unknown> };
  Worker: new (
    name: string,
    process: (job: { name: string }) => Promise<unknown>,
    options: {
      connection: Connection;
      concurrency: number;
      prefix?: string;
      autorun: false;
    } & typeof workerTimes,
  ) => JobWorker & Emitter & { run(): Promise<void>; waitUntilReady(): Promise<unknown> };
}

/** Opens a queue and its worker with the classes of one backend. */
const openOn =
  <Connection>(
    { Queue, Worker }: JobClasses<Connection>,
    place: { connection: Connection; prefix?: string },
    needsReadiness: boolean,
  ): JobConnection["open"] =>
  (name, { process, onFailed, onError }, concurrency) => {
    const queue = new Queue(name, { ...place, defaultJobOptions });
    const worker = new Worker(
      name,
      (job) =>
        process(job.name).catch((error: unknown) => {
          onFailed(job.name, coerceError(error));
          throw error;
        }),
      { ...place, concurrency, autorun: false, ...workerTimes },
    );
    listen([queue, worker], onError);
    const start = async (): Promise<void> => {
      // A worker whose first connection fails keeps that failure for good, and asks again and again without ever giving way: the
      // whole process would stand still.
      if (needsReadiness) await Promise.all([queue.waitUntilReady(), worker.waitUntilReady()]);
      worker.run().catch((error: unknown) => onError(coerceError(error)));
    };
    return { queue, worker, start };
  };

interface RedisPlace {
  redisUrl: string;
  redisCaFile: string | undefined;
  redisPrefix: string;
}

async function onRedis(
  { redisUrl, redisCaFile, redisPrefix: prefix }: RedisPlace,
  onError: (error: Error) => void,
): Promise<JobConnection> {
  const [{ Queue, Worker }, { Redis }] = await Promise.all([import("bullmq"), import("ioredis")]);
  // Commands wait for the connection instead of failing: a restart of Redis is a pause, not an error.
  const connection = new Redis(redisUrl, {
    ...redisTls(redisCaFile),
    maxRetriesPerRequest: null,
    connectTimeout: connectMsMax,
  });
  listen([connection], onError);
  return {
    open: openOn({ Queue, Worker }, { connection, prefix }, false),
    async ping() {
      // A command would wait for the connection, and be sent again when it breaks.
      if (connection.status !== "ready") throw new AppError("queue.unavailable", "Redis can't be reached.");
      await soon(connection.ping());
    },
    // Redis makes a schedule in one step.
    exclusively: (work) => work(),
    onReturn: (listener) => void connection.on("ready", listener),
    async close() {
      connection.disconnect();
    },
  };
}

async function onPostgres(databaseUrl: string, onError: (error: Error) => void): Promise<JobConnection> {
  const [{ createPostgresBackend, runMigrations, withBackend }, { default: driver }] = await Promise.all([
    import("bullmq"),
    import("pg"),
  ]);
  // One pool for all objects, else each opens its own. A worker that waits keeps one connection of it.
  const pool = new driver.Pool({
    ...connectionOptions(databaseUrl),
    max: 6,
    options: `-c search_path=${jobSchema},public`,
    application_name: "agentvine jobs",
    keepAlive: true,
    connectionTimeoutMillis: connectMsMax,
  });
  pool.setMaxListeners(50);
  listen([pool], onError);
  pool.on("connect", (client) => client.on("error", onError));
  const { Queue, Worker } = withBackend(createPostgresBackend);
  const connection = pool as PgPool;
  const holders = new Set<PoolClient>();
  try {
    const client = await pool.connect();
    await runMigrations(client, jobSchema).finally(() => client.release());
  } catch (error) {
    await pool.end();
    throw error;
  }
  return {
    open: openOn({ Queue, Worker }, { connection }, true),
    async ping() {
      await soon(pool.query("select 1"));
    },
    async exclusively(work) {
      const client = await pool.connect();
      holders.add(client);
      let isBroken = true;
      try {
        // A pool that is being closed still hands out what was asked for before.
        if (pool.ending) throw new AppError("queue.unavailable", "The background queue is being closed.");
        // security: no-raw-sql-of-values because SET takes no parameters; it is a number of ours
        await client.query(`begin; set local lock_timeout = ${lockMsMax}`);
        await client.query("select pg_advisory_xact_lock($1)", [schedulingLock]);
        // A lock that is held for good would stop the other runners.
        await soon(work(), workMsMax);
        await client.query("commit");
        isBroken = false;
      } finally {
        // Without the connection there is no lock; closing may have cut it already.
        if (holders.delete(client)) client.release(isBroken);
      }
    },
    // Its schedules are as durable as everything else in PostgreSQL.
    onReturn: () => {},
    async close() {
      // The pool waits for connections in use, and work on a closed queue never ends.
      for (const client of holders) client.release(true);
      holders.clear();
      await pool.end();
    },
  };
}

/** Connects BullMQ. It is loaded here and not before: the start of the server does not wait for it. */
export const connectJobs = (options: {
  databaseUrl: string;
  redisUrl: string | undefined;
  redisCaFile?: string | undefined;
  redisPrefix: string;
  onError: (error: Error) => void;
}): Promise<JobConnection> => {
  const { databaseUrl, redisUrl, redisCaFile, redisPrefix, onError } = options;
  return redisUrl === undefined
    ? onPostgres(databaseUrl, onError)
    : onRedis({ redisUrl, redisCaFile, redisPrefix }, onError);
};
