import type { WorkerStatus } from "@agentvine/contracts";
import { count, isNull, sql } from "drizzle-orm";
import type { Db } from "../../database/client.ts";
import { databaseFaultOf } from "../../database/database-error.ts";
import { controllers, workers } from "../../database/schema/index.ts";

/**
 * Asks whether the database takes changes: a standby, or one in read-only mode, does not. Asked so that it fails, as a session stays
 * what it was when it began: the connection is then given up, and the next one sees what the database has become.
 */
export async function takesChanges(db: Db): Promise<boolean> {
  try {
    await db.execute(sql`do $$ begin
      if current_setting('transaction_read_only')::bool then raise read_only_sql_transaction; end if;
    end $$`);
    return true;
  } catch (error) {
    if (databaseFaultOf(error) === "database.read_only") return false;
    throw error;
  }
}

/** Version of the PostgreSQL server, such as `18.4`. */
export async function readServerVersion(db: Db): Promise<string> {
  const { rows } = await db.execute<{ server_version: string }>(sql`show server_version`);
  return rows[0]?.server_version ?? "unknown";
}

/** How many registered workers are in each status. */
export async function countWorkers(db: Db): Promise<Partial<Record<WorkerStatus, number>>> {
  const rows = await db
    .select({ status: workers.status, value: count() })
    .from(workers)
    .where(isNull(workers.deregisteredAt))
    .groupBy(workers.status);
  return Object.fromEntries(rows.map(({ status, value }) => [status, value]));
}

/** Work orders that wait, and how many seconds the oldest claimable one has waited. */
export async function readBacklog(db: Db): Promise<{ pending: number; oldestSeconds: number }> {
  const { rows } = await db.execute<{ pending: number; oldest: number | null }>(sql`
    select count(*)::int as pending,
      extract(epoch from now() - min(available_at) filter (where available_at <= now()))::float8 as oldest
    from work_orders where status = 'pending'`);
  return { pending: rows[0]?.pending ?? 0, oldestSeconds: Math.round(rows[0]?.oldest ?? 0) };
}

/** How many are there, by whether they are online. */
/** Controllers by whether they are there; `fault` is why one of them can answer nothing. */
export async function countControllers(
  db: Db,
): Promise<{ online: number; offline: number; faulty: number; fault: string }> {
  const isOnline = sql`${controllers.isOnline}`;
  const [row] = await db
    .select({
      online: sql<number>`(count(*) filter (where ${isOnline}))::int`,
      offline: sql<number>`(count(*) filter (where not ${isOnline}))::int`,
      faulty: sql<number>`(count(*) filter (where ${isOnline} and ${controllers.fault} <> ''))::int`,
      fault: sql<string>`coalesce(max(${controllers.fault}) filter (where ${isOnline}), '')`,
    })
    .from(controllers);
  return row ?? { online: 0, offline: 0, faulty: 0, fault: "" };
}
