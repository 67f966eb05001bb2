import type { WorkerCommand } from "@agentvine/contracts";
import { and, asc, eq, gt, isNull, lte, or, sql } from "drizzle-orm";
import type { Db, Tx } from "../../database/client.ts";
import { notify } from "../../database/commit-wakes.ts";
import { lockKey } from "../../database/key-lock.ts";
import { workerCommands } from "../../database/schema/index.ts";

/** Channel on which backends tell each other that a worker has a new command; the payload is the worker's id. */
export const workerCommandChannel = "agentvine_worker_command";

export interface NewCommand {
  workerId: string;
  /** The process it is meant for. */
  instanceId: string;
  type: (typeof workerCommands.$inferInsert)["type"];
  workOrderId?: string;
  attempt?: number;
  reason: string;
}

/**
 * Leaves a command for a worker and wakes its poll when the transaction commits. Commands of one worker commit in the order
 * of their positions, so that a cursor can't step over one.
 */
export async function insertCommand(tx: Tx, command: NewCommand): Promise<void> {
  await lockKey(tx, "workerCommands", command.workerId);
  await tx.insert(workerCommands).values(command);
  notify(tx, workerCommandChannel, { payload: command.workerId });
}

/** Commands for this process after the position that it has not carried out yet, at most 100. */
export async function listCommands(
  db: Db | Tx,
  { workerId, instanceId, after }: { workerId: string; instanceId: string; after: number },
): Promise<WorkerCommand[]> {
  return await db
    .select({
      position: workerCommands.position,
      type: workerCommands.type,
      workOrderId: workerCommands.workOrderId,
      attempt: workerCommands.attempt,
      reason: workerCommands.reason,
    })
    .from(workerCommands)
    .where(
      and(
        eq(workerCommands.workerId, workerId),
        gt(workerCommands.position, after),
        isNull(workerCommands.acknowledgedAt),
        or(isNull(workerCommands.instanceId), eq(workerCommands.instanceId, instanceId)),
      ),
    )
    .orderBy(asc(workerCommands.position))
    .limit(100);
}

/** Notes that the commands up to the position were carried out. */
export async function acknowledgeCommands(tx: Tx, workerId: string, upTo: number): Promise<void> {
  await tx
    .update(workerCommands)
    .set({ acknowledgedAt: sql`now()` })
    .where(
      and(
        eq(workerCommands.workerId, workerId),
        lte(workerCommands.position, upTo),
        isNull(workerCommands.acknowledgedAt),
      ),
    );
}
