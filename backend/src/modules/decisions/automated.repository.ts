import type { RequestLease } from "@agentvine/contracts";
import { and, eq, sql } from "drizzle-orm";
import type { Db } from "../../database/client.ts";
import { tasks, workerRequests } from "../../database/schema/index.ts";

interface Lease {
  tokenHash: string;
  leaseMs: number;
}

const fromNow = (ms: number) => sql<Date>`now() + ${ms} * interval '1 millisecond'`;

/** Leases the oldest request that waits for a model and that nobody holds or held: one that was lost with a controller is a person's. */
export async function leaseNextAutomated(
  db: Db,
  { controllerId, tokenHash, leaseMs }: Lease & { controllerId: string },
): Promise<{ id: string; task: RequestLease["task"]; correlationId: string } | undefined> {
  const [leased] = await db
    .update(workerRequests)
    .set({ controllerId, leaseTokenHash: tokenHash, leaseExpiresAt: fromNow(leaseMs) })
    .where(
      and(
        eq(workerRequests.status, "automated"),
        sql`${workerRequests.id} = (select id from worker_requests where status = 'automated' and lease_expires_at is null
            and lost_leases = 0 order by raised_at limit 1 for update skip locked)`,
      ),
    )
    .returning();
  if (leased === undefined) return undefined;
  const [task] = await db
    .select({
      id: tasks.id,
      title: tasks.title,
      description: tasks.description,
      type: tasks.taskType,
      branchName: tasks.branchName,
    })
    .from(tasks)
    .where(eq(tasks.id, leased.taskId));
  return task && { id: leased.id, task, correlationId: leased.correlationId ?? leased.taskId };
}

/** Holds a lease on; false when it is gone. */
export async function renewLease(db: Db, id: string, { tokenHash, leaseMs }: Lease): Promise<boolean> {
  const renewed = await db
    .update(workerRequests)
    .set({ leaseExpiresAt: fromNow(leaseMs) })
    .where(
      and(
        eq(workerRequests.id, id),
        eq(workerRequests.status, "automated"),
        eq(workerRequests.leaseTokenHash, tokenHash),
      ),
    );
  return (renewed.rowCount ?? 0) > 0;
}
