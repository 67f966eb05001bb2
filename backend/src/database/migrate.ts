import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/node-postgres";
import { migrate } from "drizzle-orm/node-postgres/migrator";
import pg from "pg";
import { z } from "zod";
import type { Db } from "./client.ts";

const migrationsFolder = fileURLToPath(new URL("../../migrations", import.meta.url));
/** Number of the advisory lock that migrating processes queue for. */
const migrationLock = 7_420_001;

const journalSchema = z.object({ entries: z.array(z.object({ when: z.number() })) });

/**
 * Brings the database to the schema of this version. Processes that start at the same time wait for the first: the migrator
 * itself takes no lock.
 */
export async function migrateDatabase(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, application_name: "agentvine migrations" });
  // A connection that breaks fails the query under way; without a handler it would also end the process.
  client.on("error", () => {});
  await client.connect();
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
