import type { Checkpoint, Repository, Task, WorkOrder } from "@agentvine/contracts";
import { and, desc, eq, gt, isNull } from "drizzle-orm";
import type { Db } from "../../database/client.ts";
import { checkpoints, executions, repositories, tasks, workOrders } from "../../database/schema/index.ts";
import { taskColumns, toTask } from "../tasks/index.ts";
import { toWorkOrder } from "./order-row.repository.ts";

/** What a worker needs to know of an order it has leased. */
export interface LeasedWork {
  workOrder: WorkOrder;
  task: Task;
  repository: Repository;
  checkpoint: Checkpoint | null;
  correlationId: string;
}

/** Payload field of a run order: checkpoints up to this attempt are not to be taken up again. */
export const freshAfterAttemptField = "freshAfterAttempt";

/** The leased work; undefined when the lease is gone already. */
export async function readLeasedWork(db: Db, orderId: string): Promise<LeasedWork | undefined> {
  const [row] = await db
    .select({ order: workOrders, task: taskColumns, repository: repositories })
    .from(workOrders)
    .innerJoin(tasks, eq(tasks.id, workOrders.taskId))
    .innerJoin(repositories, eq(repositories.id, tasks.repositoryId))
    .where(and(eq(workOrders.id, orderId), eq(workOrders.status, "claimed")));
  if (row === undefined) {
    return undefined;
  }
  const { order, task, repository } = row;
  return {
    workOrder: toWorkOrder(order),
    task: toTask(task),
    repository: {
      ...repository,
      createdAt: repository.createdAt.toISOString(),
      updatedAt: repository.updatedAt.toISOString(),
    },
    checkpoint: order.kind === "run" ? await latestCheckpoint(db, task.id, order.payload) : null,
    correlationId: task.correlationId ?? task.id,
  };
}

async function latestCheckpoint(
  db: Db,
  taskId: string,
  payload: Record<string, unknown>,
): Promise<Checkpoint | null> {
  const after = payload[freshAfterAttemptField];
  const [row] = await db
    .select()
    .from(checkpoints)
    .where(
      and(
        eq(checkpoints.taskId, taskId),
        typeof after === "number" ? gt(checkpoints.attempt, after) : undefined,
      ),
    )
    .orderBy(desc(checkpoints.attempt), desc(checkpoints.step), desc(checkpoints.id))
    .limit(1);
  return row === undefined ? null : { ...row, createdAt: row.createdAt.toISOString() };
}

/** Keeps with an execution from which attempt's checkpoint it goes on. */
export async function recordResumption(
  db: Db,
  executionId: string,
  checkpointAttempt: number,
): Promise<void> {
  await db
    .update(executions)
    .set({ resumedFromAttempt: checkpointAttempt })
    .where(and(eq(executions.id, executionId), isNull(executions.resumedFromAttempt)));
}
