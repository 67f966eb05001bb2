import { randomUUID } from "node:crypto";
import pg from "pg";
import { workerBody } from "../dispatch/life.ts";
import { tellProgress } from "../options.ts";
import { batchSql, repositoryCount, workerCount } from "./fill-batch.ts";

/** What was filled in, to ask for it. */
export interface Filled {
  repositoryIds: string[];
  /** Some tasks of all ages. */
  taskIds: string[];
  lastPosition: number;
}

const batchSize = 25_000;
const fillerCount = 2;

/**
 * Fills an empty database with so many tasks of the last year, and their orders, executions, dependencies and events. All
 * indexes stay on; only foreign keys are not checked, and commits not waited for.
 */
export async function fillDatabase(databaseUrl: string, taskCount: number): Promise<Filled> {
  const client = new pg.Client(databaseUrl);
  await client.connect();
  try {
    await insertFleet(client);
    // New words are sorted into their index in large portions; the setting of the product is for a few at a time.
    await client.query("alter index task_words_words_idx set (gin_pending_list_limit = 65536)");
    await insertTasks(databaseUrl, taskCount);
    await client.query("alter index task_words_words_idx set (gin_pending_list_limit = 512)");
    await client.query("vacuum (analyze)");
    await client.query("checkpoint");
    const [repositories, tasks, events] = [
      await client.query<{ id: string }>("select id from repositories order by name"),
      await client.query<{ id: string }>(
        `select id from tasks where issue_number % greatest(1, $1::int / 500) = 0`,
        [taskCount],
      ),
      await client.query<{ last: number }>("select max(position)::float8 as last from events"),
    ];
    return {
      repositoryIds: repositories.rows.map(({ id }) => id),
      taskIds: tasks.rows.map(({ id }) => id),
      lastPosition: events.rows[0]?.last ?? 0,
    };
  } finally {
    await client.end();
  }
}

async function insertTasks(databaseUrl: string, taskCount: number): Promise<void> {
  const batches = Array.from({ length: Math.ceil(taskCount / batchSize) }, (_, n) => n * batchSize + 1);
  const fill = async (): Promise<void> => {
    const client = new pg.Client(databaseUrl);
    await client.connect();
    try {
      await client.query(
        "set session_replication_role = replica; set synchronous_commit = off; set jit = off",
      );
      await client.query("set work_mem = '128MB'");
      for (let first = batches.shift(); first !== undefined; first = batches.shift()) {
        const last = Math.min(first + batchSize - 1, taskCount);
        await client.query("select setseed($1)", [first / taskCount]);
        await client.query(batchSql, [first, last, taskCount]);
        if (last % 200_000 === 0) tellProgress(`${last} tasks are in`);
      }
    } finally {
      await client.end();
    }
  };
  await Promise.all(Array.from({ length: fillerCount }, fill));
}

/** The local user, the repositories and the workers. */
async function insertFleet(client: pg.Client): Promise<void> {
  const { capabilities } = workerBody("", randomUUID(), 1);
  await client.query(
    `insert into users (id, username, email, full_name, role, is_verified, is_owner)
     values (uuidv7(), 'local', 'local@localhost', 'Local user', 'admin', true, true)`,
  );
  await client.query(
    `insert into repositories (id, canonical_key, url, name, settings)
     select uuidv7(), 'git.example.org/shop/part-' || n, 'https://git.example.org/shop/part-' || n, 'part-' || n, '{}'
     from generate_series(1, $1::int) n`,
    [repositoryCount],
  );
  // Heard of tomorrow: nobody takes them for vanished while the bench runs.
  await client.query(
    `insert into workers (id, name, worker_type, status, version, instance_id, max_concurrent_tasks, timeout_seconds, capabilities, last_heartbeat_at)
     select uuidv7(), 'worker-' || n, 'general', 'idle', '1.0.0', gen_random_uuid(), 4, 3600, $2, now() + interval '1 day'
     from generate_series(1, $1::int) n`,
    [workerCount, JSON.stringify(capabilities)],
  );
}
