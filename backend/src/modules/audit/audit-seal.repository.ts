import type { AuditSeal } from "@agentvine/contracts";
import { and, asc, between, desc, eq, gt, lt, sql } from "drizzle-orm";
import type { Db, Tx } from "../../database/client.ts";
import { auditLog, auditSeals } from "../../database/schema/index.ts";

const toSeal = (row: typeof auditSeals.$inferSelect): AuditSeal => ({
  ...row,
  sealedAt: row.sealedAt.toISOString(),
});

/** Keeps other backends from sealing until the transaction ends, and tells the time that a new seal bears. */
export async function lockChain(tx: Tx): Promise<{ now: Date }> {
  await tx.execute(sql`select pg_advisory_xact_lock(hashtextextended('agentvine.audit_seals', 0))`);
  // Its own statement: it sees what was committed while this one waited for the lock.
  const { rows } = await tx.execute<{ now: Date }>(
    sql`select date_trunc('milliseconds', clock_timestamp()) as now`,
  );
  const [row] = rows;
  if (row === undefined) throw new Error("the database tells no time");
  return { now: new Date(row.now) };
}

export async function lastSeal(db: Db | Tx): Promise<AuditSeal | undefined> {
  const [row] = await db.select().from(auditSeals).orderBy(desc(auditSeals.number)).limit(1);
  return row && toSeal(row);
}

/** The last seal of a kind. */
export async function lastSealOf(tx: Tx, kind: AuditSeal["kind"]): Promise<AuditSeal | undefined> {
  const [row] = await tx
    .select()
    .from(auditSeals)
    .where(eq(auditSeals.kind, kind))
    .orderBy(desc(auditSeals.lastPosition))
    .limit(1);
  return row && toSeal(row);
}

const sealsPerPage = 200;

/** Every seal, in order, read page by page; also those that are set meanwhile. */
export async function* eachSeal(db: Db): AsyncGenerator<AuditSeal> {
  let after = 0;
  for (;;) {
    const rows = await db
      .select()
      .from(auditSeals)
      .where(gt(auditSeals.number, after))
      .orderBy(asc(auditSeals.number))
      .limit(sealsPerPage);
    yield* rows.map(toSeal);
    after = rows.at(-1)?.number ?? after;
    if (rows.length < sealsPerPage) return;
  }
}

/**
 * Gives the oldest entries without a position theirs, behind `after`. Only whoever holds the chain's lock may.
 * @returns how many got one
 */
export async function placeEntries(tx: Tx, after: number, limit: number): Promise<number> {
  const { rowCount } = await tx.execute(sql`
    update audit_log a set position = n.position
    from (
      select id, ${after}::bigint + row_number() over (order by id) as position
      from (select id from audit_log where position is null order by id limit ${limit}) oldest
    ) n
    where a.id = n.id`);
  return rowCount ?? 0;
}

export async function insertSeal(tx: Tx, seal: AuditSeal): Promise<void> {
  await tx.insert(auditSeals).values({ ...seal, sealedAt: new Date(seal.sealedAt) });
}

/** The last position of the oldest seals behind `after` that are older than so many days; at most `limit` seals. */
export async function oldSealsEnd(
  tx: Tx,
  { after, days, limit }: { after: number; days: number; limit: number },
): Promise<number | undefined> {
  const rows = await tx
    .select({ lastPosition: auditSeals.lastPosition })
    .from(auditSeals)
    .where(
      and(
        eq(auditSeals.kind, "entries"),
        gt(auditSeals.firstPosition, after),
        lt(auditSeals.sealedAt, sql`now() - ${days} * interval '1 day'`),
      ),
    )
    .orderBy(asc(auditSeals.lastPosition))
    .limit(limit);
  return rows.at(-1)?.lastPosition;
}

/** Removes the entries between two positions, both included, of which a removal seal tells. @returns how many */
export async function deleteEntriesBetween(tx: Tx, first: number, last: number): Promise<number> {
  const { rowCount } = await tx.delete(auditLog).where(between(auditLog.position, first, last));
  return rowCount ?? 0;
}
