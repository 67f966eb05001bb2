import { coerceError } from "@agentvine/kit";
import type { PgPool, Queue } from "bullmq";

/** BullMQ's own tables live in a schema of their own: not ours to migrate or dump. */
export const jobSchema = "bullmq";

/** What we use of a BullMQ queue, whatever its backend. */
export type JobQueue = Pick<
  Queue,
  "name" | "upsertJobScheduler" | "getJobSchedulers" | "removeJobScheduler" | "close"
>;

export interface JobWorker {
  close(): Promise<void>;
}

export interface JobHandlers {
  readonly process: (name: string) => Promise<unknown>;
  readonly onFailed: (name: string, error: Error) => void;
  /** Connection errors: each object emits them, and without a handler one would end the process. */
  readonly onError: (error: Error) => void;
}

/** Makes a queue and its worker on one backend: PostgreSQL, or Redis when it is configured. */
export interface JobConnection {
  readonly kind: "postgres" | "redis";
  open(name: string, handlers: JobHandlers): Promise<{ queue: JobQueue; worker: JobWorker }>;
  /** Rejects when the backend does not answer. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

// By age, never by count: keeping a count costs a full scan per finished job on PostgreSQL.
const defaultJobOptions = { removeOnComplete: { age: 3_600 }, removeOnFail: { age: 7 * 86_400 } };
// The same on every worker: on Redis the interval a dead worker had left behind would hold.
const workerTimes = { lockDuration: 30_000, stalledInterval: 10_000, concurrency: 2 };

interface Emitter {
  on(event: "error", listener: (error: Error) => void): unknown;
}

const listen = (emitters: readonly Emitter[], onError: (error: Error) => void): void => {
  for (const emitter of emitters) emitter.on("error", (error) => onError(coerceError(error)));
};

async function onRedis(url: string): Promise<JobConnection> {
  const [{ Queue, Worker }, { Redis }] = await Promise.all([import("bullmq"), import("ioredis")]);
  // Commands wait for the connection instead of failing: a restart of Redis is a pause, not an error.
  const connection = new Redis(url, { maxRetriesPerRequest: null });
  connection.on("error", () => {});
  return {
    kind: "redis",
    async open(name, { process, onFailed, onError }) {
      const queue = new Queue(name, { connection, defaultJobOptions });
      const worker = new Worker(name, (job) => process(job.name), { connection, ...workerTimes });
      listen([queue, worker], onError);
      worker.on("failed", (job, error) => onFailed(job?.name ?? "", error));
      return { queue, worker };
    },
    async ping() {
      await connection.ping();
    },
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
    connectionString: databaseUrl,
    max: 6,
    options: `-c search_path=${jobSchema},public`,
    application_name: "agentvine jobs",
    keepAlive: true,
  });
  pool.setMaxListeners(50);
  listen([pool], onError);
  pool.on("connect", (client) => client.on("error", onError));
  const { Queue, Worker } = withBackend(createPostgresBackend);
  const connection = pool as PgPool;
  try {
    const client = await pool.connect();
    await runMigrations(client, jobSchema).finally(() => client.release());
  } catch (error) {
    await pool.end();
    throw error;
  }
  return {
    kind: "postgres",
    async open(name, { process, onFailed, onError: report }) {
      const queue = new Queue(name, { connection, defaultJobOptions });
      const worker = new Worker(name, (job) => process(job.name), { connection, ...workerTimes });
      listen([queue, worker], report);
      worker.on("failed", (job, error) => onFailed(job?.name ?? "", error));
      return { queue, worker };
    },
    async ping() {
      await pool.query("select 1");
    },
    close: () => pool.end(),
  };
}

/** Connects BullMQ. It is loaded here and not before: the start of the server does not wait for it. */
export const connectJobs = (options: {
  databaseUrl: string;
  redisUrl: string | undefined;
  onError: (error: Error) => void;
}): Promise<JobConnection> =>
  options.redisUrl === undefined
    ? onPostgres(options.databaseUrl, options.onError)
    : onRedis(options.redisUrl);
