import type { AuditEntry, AuditExportQuery, AuditQuery } from "@agentvine/contracts";
import { and, asc, between, desc, eq, gt, gte, isNotNull, isNull, lt, type SQL, sql } from "drizzle-orm";
import type { Db, Tx } from "../../database/client.ts";
import { auditLog, auditSeals } from "../../database/schema/index.ts";

const toAuditEntry = (row: typeof auditLog.$inferSelect): AuditEntry => ({
  ...row,
  occurredAt: row.occurredAt.toISOString(),
});

const matching = ({ from, until, ...equal }: AuditExportQuery): SQL[] => [
  ...(from === undefined ? [] : [gte(auditLog.occurredAt, new Date(from))]),
  ...(until === undefined ? [] : [lt(auditLog.occurredAt, new Date(until))]),
  ...(["action", "actorId", "userId", "targetType", "targetId"] as const).flatMap((name) =>
    equal[name] === undefined ? [] : [eq(auditLog[name], equal[name])],
  ),
];

/** Entries, newest first. */
export async function listAuditEntries(
  db: Db,
  { after, limit, ...filter }: AuditQuery,
): Promise<AuditEntry[]> {
  const rows = await db
    .select()
    .from(auditLog)
    .where(and(...matching(filter), ...(after === undefined ? [] : [lt(auditLog.id, after)])))
    .orderBy(desc(auditLog.id))
    .limit(limit);
  return rows.map(toAuditEntry);
}

/** The entries between two positions, both included, in their order. */
export async function entriesBetween(db: Db | Tx, first: number, last: number): Promise<AuditEntry[]> {
  const rows = await db
    .select()
    .from(auditLog)
    .where(between(auditLog.position, first, last))
    .orderBy(asc(auditLog.position));
  return rows.map(toAuditEntry);
}

/** The next entries that have a position behind `after`, in their order. */
export async function sealedEntriesAfter(
  db: Db,
  filter: AuditExportQuery,
  { after, limit }: { after: number; limit: number },
): Promise<AuditEntry[]> {
  const rows = await db
    .select()
    .from(auditLog)
    .where(and(...matching(filter), isNotNull(auditLog.position), gt(auditLog.position, after)))
    .orderBy(asc(auditLog.position))
    .limit(limit);
  return rows.map(toAuditEntry);
}

/** The next entries without a position, in the order they were made. */
export async function unsealedEntriesAfter(
  db: Db,
  filter: AuditExportQuery,
  { after, limit }: { after: string | undefined; limit: number },
): Promise<AuditEntry[]> {
  const rows = await db
    .select()
    .from(auditLog)
    .where(
      and(
        ...matching(filter),
        isNull(auditLog.position),
        ...(after === undefined ? [] : [gt(auditLog.id, after)]),
      ),
    )
    .orderBy(asc(auditLog.id))
    .limit(limit);
  return rows.map(toAuditEntry);
}

/** How many entries wait for their seal, and the positions that no seal can close: before the first, or behind the last one closed. */
export async function countUnsealed(db: Db): Promise<{ unsealed: number; strayPositions: number[] }> {
  const closed = sql`(select coalesce(max(${auditSeals.lastPosition}), 0) from ${auditSeals} where ${auditSeals.kind} = 'entries')`;
  const [{ unsealed = 0 } = {}] = await db
    .select({ unsealed: sql<number>`count(*)::int` })
    .from(auditLog)
    .where(isNull(auditLog.position));
  const strays = await db
    .select({ position: auditLog.position })
    .from(auditLog)
    .where(sql`${auditLog.position} < 1 or ${auditLog.position} > ${closed}`)
    .orderBy(asc(auditLog.position))
    .limit(10);
  return { unsealed, strayPositions: strays.map(({ position }) => position ?? 0) };
}
