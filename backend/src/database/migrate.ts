import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { AppError, coerceError, retry } from "@agentvine/kit";
import { sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/node-postgres";
import { migrate } from "drizzle-orm/node-postgres/migrator";
import pg from "pg";
import { z } from "zod";
import type { Db } from "./client.ts";
import { sqlStateOf } from "./database-error.ts";

const migrationsFolder = fileURLToPath(new URL("../../migrations", import.meta.url));
/** Number of the advisory lock that migrating processes queue for. */
const migrationLock = 7_420_001;

const journalSchema = z.object({ entries: z.array(z.object({ when: z.number() })) });

const startupMsMax = 30_000;

/**
 * A connection of its own, without the pool's limits. Waits while PostgreSQL starts or recovers.
 * @throws AppError `database.unavailable`; the message names host and reason, never the password
 */
async function connect(url: string): Promise<pg.Client> {
  try {
    return await retry(
      async () => {
        const client = new pg.Client({
          connectionString: url,
          application_name: "agentvine migrations",
          connectionTimeoutMillis: 10_000,
        });
        // A connection that breaks fails the query under way; without a handler it would also end the process.
        client.on("error", () => {});
        await client.connect();
        return client;
      },
      {
        baseMs: 100,
        maxMs: 1_000,
        elapsedMsMax: startupMsMax,
        isRetryable: (error) => sqlStateOf(error) === "57P03",
      },
    );
  } catch (error) {
    throw new AppError(
      "database.unavailable",
      `The database at ${new URL(url).host} can't be used: ${reasonOf(error)}.`,
      { cause: error },
    );
  }
}

/** Why a connection failed. Several addresses that failed are one AggregateError without a message. */
function reasonOf(error: unknown): string {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  return coerceError(first).message;
}

/**
 * Brings the database to the schema of this version. Processes that start at the same time wait for the first: the migrator
 * itself takes no lock.
 * @throws AppError `database.unavailable`
 */
export async function migrateDatabase(url: string): Promise<void> {
  const client = await connect(url);
  try {
    await client.query("select pg_advisory_lock($1)", [migrationLock]);
    await migrate(drizzle(client), { migrationsFolder });
  } finally {
    await client.end().catch(() => {});
  }
}

/** The `when` of the newest migration that this version brings. */
async function newestMigration(): Promise<number> {
  const journal = journalSchema.parse(
    JSON.parse(await readFile(`${migrationsFolder}/meta/_journal.json`, "utf8")),
  );
  return Math.max(...journal.entries.map(({ when }) => when));
}

/** True when the database has all migrations of this version. */
export async function isMigrated(db: Db): Promise<boolean> {
  const exists = await db.execute<{ found: boolean }>(
    sql`select to_regclass('drizzle.__drizzle_migrations') is not null as found`,
  );
  if (!exists.rows[0]?.found) {
    return false;
  }
  const applied = await db.execute<{ newest: string | null }>(
    sql`select max(created_at) as newest from drizzle.__drizzle_migrations`,
  );
  return Number(applied.rows[0]?.newest ?? 0) >= (await newestMigration());
}
