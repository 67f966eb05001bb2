import { sql } from "drizzle-orm";
import type { Db } from "../../database/client.ts";

/** Seconds for which the oldest event without a position has waited for one; 0 when there is none. */
export async function readEventLag(db: Db): Promise<number> {
  const { rows } = await db.execute<{ seconds: number }>(sql`
    select coalesce(extract(epoch from clock_timestamp() - occurred_at), 0)::float8 as seconds
    from events where position is null order by xid, id limit 1`);
  return Math.max(0, rows[0]?.seconds ?? 0);
}

/** Whoever keeps the oldest transaction open. No later event gets a position before it ends. */
export interface TransactionHolder {
  /** A process of the server, or the name of a prepared transaction. */
  who: string;
  application: string;
  seconds: number;
}

/** The oldest transaction that has changed something, in any database of the server; undefined when it just ended. */
export async function findOldestTransaction(db: Db): Promise<TransactionHolder | undefined> {
  const { rows } = await db.execute<{ who: string; application: string; seconds: number }>(sql`
    select who, application, extract(epoch from clock_timestamp() - since)::float8 as seconds from (
      select 'process ' || pid as who, coalesce(application_name, '') as application, xact_start as since,
        age(backend_xid) as age from pg_stat_activity where backend_xid is not null and pid <> pg_backend_pid()
      union all
      select 'prepared transaction ' || gid, '', prepared, age(transaction) from pg_prepared_xacts) holder
    order by age desc limit 1`);
  return rows[0];
}
