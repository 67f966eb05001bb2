import type { Subtask, SubtaskCreate } from "@agentvine/contracts";
import { AppError, newId } from "@agentvine/kit";
import type { Actor } from "../../actor.ts";
import type { Db, Tx } from "../../database/client.ts";
import { inTransaction } from "../../database/transaction.ts";
import { storableText } from "../../storable-json.ts";
import { recordNewsMessage } from "../chat/index.ts";
import { assertOwnAttempt, dispatch, type HeldWork, lockHeldWork } from "../queue/index.ts";
import { insertTask, type TaskRow } from "../tasks/index.ts";
import { countProposed, findProposed } from "./subtask.repository.ts";
import { limitReached, subtaskBody, subtasksMax } from "./subtask.ts";

const toSubtask = (row: TaskRow, isNew: boolean): Subtask => ({
  ...{ taskId: row.id, title: row.title, type: row.taskType },
  ...{ status: row.status, permissionLevel: row.permissionLevel, isNew },
});

/** Tasks that agents propose while they work on another. */
export function createSubtaskService({ db }: { db: Db }) {
  async function insert(
    tx: Tx,
    { task: parent, executionId }: HeldWork,
    fields: Pick<SubtaskCreate, "title" | "description" | "type">,
    correlationId: string,
  ): Promise<TaskRow> {
    const body = subtaskBody(parent, fields);
    const row = await insertTask(tx, {
      ...{ id: newId(), body, createdBy: parent.createdBy, createdByExecutionId: executionId },
      repository: { id: parent.repositoryId, url: parent.repositoryUrl },
      workType: dispatch.workTypeOf({ ...body, taskType: body.type }),
      correlationId: parent.correlationId ?? correlationId,
    });
    if (row === undefined) throw new AppError("internal.unexpected", "The subtask was not written.");
    await recordNewsMessage(tx, {
      taskId: parent.id,
      senderKind: "agent",
      content: `Proposes a task: ${row.title} (${row.taskType}, \`${row.id}\`). It waits until a person queues it.`,
      metadata: { subtaskId: row.id, executionId },
    });
    return row;
  }

  return {
    /**
     * Makes a task below the attempt's own, `pending` until a person queues it. The same title and type below the same task are the same
     * task: agents that begin again propose again.
     * @throws AppError `work_order.lease_lost`, `task.subtask_limit`, `request.invalid` for an order that runs no agent
     */
    propose: (
      actor: Actor,
      { workOrderId, attempt, ...given }: SubtaskCreate,
      correlationId: string,
    ): Promise<Subtask> => {
      const ref = { workOrderId, attempt };
      assertOwnAttempt(actor, ref);
      const fields = { ...given, title: storableText(given.title) };
      return inTransaction(db, async (tx) => {
        const held = await lockHeldWork(tx, ref);
        if (held.order.kind !== "run") {
          const issue = { path: "workOrderId", message: "only a run proposes tasks" };
          throw new AppError("request.invalid", `${issue.path}: ${issue.message}`, { issues: [issue] });
        }
        const earlier = await findProposed(tx, held.task.id, fields);
        if (earlier !== undefined) return toSubtask(earlier, false);
        const limit = limitReached(await countProposed(tx, held.task.id, held.executionId));
        if (limit !== undefined)
          throw new AppError("task.subtask_limit", limit, { data: { ...subtasksMax } });
        return toSubtask(await insert(tx, held, fields, correlationId), true);
      });
    },
  };
}

export type SubtaskService = ReturnType<typeof createSubtaskService>;
