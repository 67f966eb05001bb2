import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { isCertificateFault } from "@agentvine/contracts";
import { AppError, coerceError, retry } from "@agentvine/kit";
import { sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/node-postgres";
import { migrate } from "drizzle-orm/node-postgres/migrator";
import pg from "pg";
import { z } from "zod";
import type { Db } from "./client.ts";
import { connectionOptions } from "./connection-options.ts";
import { databaseFaultOf, sqlReasonOf, sqlStateOf } from "./database-error.ts";

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
          ...connectionOptions(url),
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
  const { message, code } = coerceError(first) as NodeJS.ErrnoException;
  if (/does not support SSL/.test(message))
    return `${message}: switch ssl on at the server, or leave sslmode and AGENTVINE_DATABASE_CA_FILE out where the network is yours alone`;
  return isCertificateFault(code)
    ? `its certificate is not trusted (${message}): name the CA that signed it in AGENTVINE_DATABASE_CA_FILE, and in DATABASE_URL a host that the certificate names`
    : message;
}

export interface MigrateOptions {
  /** The migrations of this version; tests add some. */
  folder?: string;
  /** Told, in one line, what is waited for. */
  onWait?: (reason: string) => void;
  /** How long a migration may wait for a table. Everybody who comes after it waits behind it. */
  lockMsMax?: number;
  /** How long it is tried again before the start is given up. */
  lockTriesMsMax?: number;
}

/**
 * Brings the database to the schema of this version, all of it or nothing. Processes that start at the same time wait for the
 * first: the migrator itself takes no lock. A table that is in use is waited for only shortly, again and again: whoever wants to
 * use it has to queue behind the migration.
 * @throws AppError `database.unavailable`, `database.busy`, `database.migration_failed`
 */
export async function migrateDatabase(url: string, options: MigrateOptions = {}): Promise<void> {
  const { folder = migrationsFolder, onWait = () => {} } = options;
  const { lockMsMax = 3_000, lockTriesMsMax = 120_000 } = options;
  const client = await connect(url);
  try {
    await lockMigrations(client, onWait);
    // security: no-raw-sql-of-values because SET takes no parameters; it is a number of ours
    await client.query(`set lock_timeout = ${lockMsMax}`);
    await retry(() => migrate(drizzle(client), { migrationsFolder: folder }), {
      baseMs: 500,
      maxMs: 5_000,
      elapsedMsMax: lockTriesMsMax,
      // A deadlock as well: requests take their rows in another order than a migration its tables.
      isRetryable: (error) => databaseFaultOf(error) === "database.busy" || sqlStateOf(error) === "40P01",
      onRetry: () => onWait("a migration waits for a table that somebody holds"),
    });
  } catch (error) {
    throw migrationError(error, client.database ?? "");
  } finally {
    await client.end().catch(() => {});
  }
}

/** Waits as long as it takes: another process migrates, and may have much to do. */
async function lockMigrations(client: pg.Client, onWait: (reason: string) => void): Promise<void> {
  const { rows } = await client.query<{ locked: boolean }>("select pg_try_advisory_lock($1) as locked", [
    migrationLock,
  ]);
  if (rows[0]?.locked !== true) {
    onWait("another process migrates the database");
    await client.query("select pg_advisory_lock($1)", [migrationLock]);
  }
}

/** What PostgreSQL said, in one line; never the statement. */
function migrationError(error: unknown, database: string): AppError {
  const reason = sqlReasonOf(error);
  const fault = databaseFaultOf(error);
  if (fault === "database.busy") {
    return new AppError(
      "database.busy",
      `The database ${database} could not be migrated: a transaction holds a table for too long (${reason}). Nothing was changed.`,
      { cause: error },
    );
  }
  if (fault !== undefined) {
    return new AppError(fault, `The database ${database} could not be migrated: ${reason}.`, {
      cause: error,
    });
  }
  return new AppError(
    "database.migration_failed",
    `The database ${database} could not be brought to the schema of this version: ${reason}. Nothing was changed.`,
    { cause: error },
  );
}

/** The `when` of the newest migration of a folder. */
async function newestMigration(folder: string): Promise<number> {
  const journal = journalSchema.parse(JSON.parse(await readFile(`${folder}/meta/_journal.json`, "utf8")));
  return Math.max(...journal.entries.map(({ when }) => when));
}

/** `behind`: migrations of this version are missing. `ahead`: a newer version has migrated the database. */
export type SchemaState = "behind" | "current" | "ahead";

/** How the schema of the database stands to this version. */
export async function readSchemaState(db: Db, folder = migrationsFolder): Promise<SchemaState> {
  const exists = await db.execute<{ found: boolean }>(
    sql`select to_regclass('drizzle.__drizzle_migrations') is not null as found`,
  );
  if (!exists.rows[0]?.found) {
    return "behind";
  }
  const applied = await db.execute<{ newest: string | null }>(
    sql`select max(created_at) as newest from drizzle.__drizzle_migrations`,
  );
  const found = Number(applied.rows[0]?.newest ?? 0);
  const own = await newestMigration(folder);
  return found < own ? "behind" : found === own ? "current" : "ahead";
}
