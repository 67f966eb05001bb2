import type { TaskEvent, TaskResult } from "@agentvine/contracts";
import { and, eq, inArray, sql } from "drizzle-orm";
import type { Tx } from "../../database/client.ts";
import { runPrepared, type Statement } from "../../database/prepared.ts";
import { tasks } from "../../database/schema/index.ts";
import { storableJson, storableText } from "../../storable-json.ts";
import { recordEvent } from "../events/index.ts";
import { eventOfMove, moveOf } from "./task.ts";
import { type TaskRow, taskShape } from "./task-row.repository.ts";

export interface TaskMove {
  event: TaskEvent;
  /** Why, for people. */
  reason?: string;
  result?: TaskResult;
  workOrderId?: string;
  executionId?: string;
  workerId?: string;
  attempt?: number;
}

const reasonCharsMax = 2_000;

const moveTaskStatement: Statement = {
  name: "move-task",
  text: `
    update tasks set status = $3::text, status_reason = $4, updated_at = now(),
      completed_at = case when $3::text in ('completed', 'failed', 'cancelled') then now() end,
      assigned_to = case when $3::text = 'in_progress' then assigned_to end,
      result = coalesce($5::jsonb, result)
    where id = $1 and status = any($2::text[])
    returning ${taskShape.columns("tasks")}`,
};

/**
 * Moves the task along its state machine and notes it in the history. Compares the old status: undefined when it does not
 * allow the move, so that of two that race one loses. A task that leaves `in_progress` belongs to no worker any more.
 */
export async function moveTask(tx: Tx, taskId: string, move: TaskMove): Promise<TaskRow | undefined> {
  const { from, to } = moveOf(move.event);
  const statusReason = storableText(move.reason ?? "").slice(0, reasonCharsMax);
  const [found] = await runPrepared(tx, moveTaskStatement, [
    taskId,
    from,
    to,
    statusReason,
    move.result === undefined ? null : JSON.stringify(storableJson(move.result)),
  ]);
  const row = found && taskShape.read(found);
  if (row === undefined) {
    return undefined;
  }
  const { event: _event, reason: _reason, result, ...refs } = move;
  await recordEvent(tx, {
    type: eventOfMove[move.event],
    taskId,
    correlationId: row.correlationId,
    ...refs,
    data: {
      status: to,
      reason: statusReason,
      ...(result === undefined
        ? {}
        : { outcome: result.outcome, failure: result.failure, verification: result.verification }),
    },
  });
  return row;
}

/** Changes what is told about a task whose status stays. */
export async function annotateTask(
  tx: Tx,
  taskId: string,
  change: { reason?: string; result?: TaskResult; isUnassigned?: boolean },
): Promise<void> {
  await tx
    .update(tasks)
    .set({
      updatedAt: sql`now()`,
      ...(change.reason === undefined
        ? {}
        : { statusReason: storableText(change.reason).slice(0, reasonCharsMax) }),
      ...(change.result === undefined ? {} : { result: storableJson(change.result) }),
      ...(change.isUnassigned === true ? { assignedTo: null } : {}),
    })
    .where(eq(tasks.id, taskId));
}

/** Moves many locked pending tasks into the queue; the caller notes it in the history. */
export async function moveTasksToQueued(tx: Tx, taskIds: readonly string[]): Promise<void> {
  if (taskIds.length > 0) {
    await tx
      .update(tasks)
      .set({ status: "queued", statusReason: "", updatedAt: sql`now()` })
      .where(and(inArray(tasks.id, [...taskIds]), eq(tasks.status, "pending")));
  }
}
