import { type SQL, sql } from "drizzle-orm";
import type { PgTable } from "drizzle-orm/pg-core";
import type { Db } from "./client.ts";

/** How many rows match. */
export interface Total {
  total: number;
  /** False: `total` is as far as was counted, there may be more. */
  isTotalExact: boolean;
}

/** Rows of a page, and how many there are in all. */
export type Page<T> = Total & { items: T[] };

/** People leaf through hundreds; a count of everything would cost more than the page beside it. */
const countMax = 10_000;

/** Counts the rows that match, up to `most` of them. */
export async function countUpTo(
  db: Db,
  table: PgTable,
  where: SQL | undefined,
  most = countMax,
): Promise<Total> {
  const matching = where === undefined ? sql`` : sql` where ${where}`;
  const { rows } = await db.execute<{ count: number }>(
    sql`select count(*)::int as count from (select from ${table}${matching} limit ${most + 1}) matches`,
  );
  const count = rows[0]?.count ?? 0;
  return { total: Math.min(count, most), isTotalExact: count <= most };
}
