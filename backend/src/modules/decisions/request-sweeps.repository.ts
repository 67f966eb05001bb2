import { and, asc, eq, inArray, isNull, type SQL, sql } from "drizzle-orm";
import type { Db, Tx } from "../../database/client.ts";
import { tasks, workerRequests } from "../../database/schema/index.ts";
import { isLiveRow } from "./request-row.repository.ts";

async function idsOf(db: Db, where: SQL | undefined, limit: number): Promise<string[]> {
  const rows = await db
    .select({ id: workerRequests.id })
    .from(workerRequests)
    .innerJoin(tasks, eq(tasks.id, workerRequests.taskId))
    .where(where)
    .orderBy(asc(workerRequests.raisedAt))
    .limit(limit);
  return rows.map(({ id }) => id);
}

const isOverdue = sql`${workerRequests.deadlineAt} <= now()`;

/** Live requests whose deadline has passed. */
export const findOverdue = (db: Db, limit: number): Promise<string[]> =>
  idsOf(db, and(isLiveRow, isOverdue), limit);

export async function isOverdueRow(tx: Tx, id: string): Promise<boolean> {
  const rows = await tx
    .select({ id: workerRequests.id })
    .from(workerRequests)
    .where(and(eq(workerRequests.id, id), isOverdue));
  return rows.length > 0;
}

/** Requests that no controller holds: routed to them so long ago, or lost by one. */
export const findUnanswered = (db: Db, afterMs: number, limit: number): Promise<string[]> =>
  idsOf(
    db,
    and(
      eq(workerRequests.status, "automated"),
      isNull(workerRequests.leaseExpiresAt),
      sql`(${workerRequests.lostLeases} > 0 or ${workerRequests.routedAt} <= now() - ${afterMs} * interval '1 millisecond')`,
    ),
    limit,
  );

/** Live requests of tasks that no agent works on any more. */
export const findAbandoned = (db: Db, limit: number): Promise<string[]> =>
  idsOf(
    db,
    and(
      isLiveRow,
      inArray(tasks.status, ["completed", "failed", "cancelled", "in_review", "pending", "blocked"]),
    ),
    limit,
  );
