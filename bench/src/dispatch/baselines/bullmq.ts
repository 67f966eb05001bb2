import { createPostgresBackend, type PgPool, runMigrations, withBackend } from "bullmq";
import pg from "pg";

const schema = "bullmq";

/** Jobs a second that BullMQ does on PostgreSQL with so many at once, all queued before. */
export async function measureBullmq(
  connectionString: string,
  concurrency: number,
  jobs: number,
): Promise<number> {
  const pool = new pg.Pool({
    connectionString,
    max: concurrency + 4,
    options: `-c search_path=${schema},public`,
  });
  pool.setMaxListeners(50);
  const client = await pool.connect();
  await runMigrations(client, schema).finally(() => client.release());
  const { Queue, Worker } = withBackend(createPostgresBackend);
  const connection = pool as PgPool;
  const queue = new Queue("bench", { connection });
  const batch = Array.from({ length: jobs }, (_, n) => ({ name: "nothing", data: { n } }));
  for (let from = 0; from < batch.length; from += 500) await queue.addBulk(batch.slice(from, from + 500));
  let done = 0;
  let finish = (): void => {};
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const startedMs = performance.now();
  const worker = new Worker("bench", async () => ({ ok: true }), { connection, concurrency });
  worker.on("error", () => {});
  queue.on("error", () => {});
  worker.on("completed", () => {
    done += 1;
    if (done === jobs) finish();
  });
  await finished;
  const perSecond = jobs / ((performance.now() - startedMs) / 1_000);
  await worker.close();
  await queue.close();
  await pool.end();
  return perSecond;
}
