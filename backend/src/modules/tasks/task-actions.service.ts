import { AppError } from "@agentvine/kit";
import type { Tx } from "../../database/client.ts";
import { baseBranchOf, blockedDependents, dependenciesOf } from "./dependency.repository.ts";
import type { DispatchPort } from "./dispatch.port.ts";
import { blockedReason } from "./task.ts";
import { annotateTask, moveTask } from "./task-move.repository.ts";
import type { TaskRow } from "./task-row.repository.ts";

const illegal = (message: string, task: TaskRow): AppError =>
  new AppError("task.illegal_transition", message, { data: { status: task.status } });

/** Queues a pending task, or blocks it while it waits for others. What it waits for must be shared (`shareDependencies`). */
export async function queueTask(tx: Tx, dispatch: DispatchPort, task: TaskRow): Promise<void> {
  const dependencies = await dependenciesOf(tx, [task.id]);
  const reason = blockedReason(dependencies);
  const event = reason === undefined ? "enqueue" : "block";
  if ((await moveTask(tx, task.id, { event, ...(reason && { reason }) })) === undefined) {
    throw illegal(`A ${task.status} task can't be queued.`, task);
  }
  if (reason === undefined) {
    await dispatch.enqueueRun(tx, task, { baseBranch: baseBranchOf(task, dependencies), followUp: null });
  }
}

/** Cancels a live task with its order; the worker that holds it is told. Those that wait for it learn why they stay blocked. */
export async function cancelTask(
  tx: Tx,
  dispatch: DispatchPort,
  task: TaskRow,
  reason: string,
): Promise<void> {
  const told = reason === "" ? "cancelled" : reason;
  const moved = await moveTask(tx, task.id, { event: "cancel", reason });
  if (moved === undefined) {
    throw illegal(`A ${task.status} task can't be cancelled.`, task);
  }
  await dispatch.startReady(tx, await blockedDependents(tx, task.id));
  await dispatch.cancelLive(tx, task, told);
}

/** Queues a failed task again; one whose push failed is only pushed again. */
export async function retryTask(tx: Tx, dispatch: DispatchPort, task: TaskRow): Promise<void> {
  if (task.status === "in_review" && (await dispatch.hasFailedPublish(tx, task.id))) {
    await dispatch.enqueuePublish(tx, task);
    await annotateTask(tx, task.id, { reason: "" });
    return;
  }
  if ((await moveTask(tx, task.id, { event: "retry" })) === undefined) {
    throw illegal(`A ${task.status} task can't be retried; only failed ones can.`, task);
  }
  await dispatch.requeueLast(tx, task);
  await dispatch.startReady(tx, await blockedDependents(tx, task.id));
}
