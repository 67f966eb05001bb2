import type { RunPayload } from "@agentvine/contracts";
import type { Tx } from "../../database/client.ts";
import { type NewEvent, recordEvent } from "../events/index.ts";
import { blockedDependents, judgeBlocked, moveTask, type TaskRow } from "../tasks/index.ts";
import { freeSlot } from "../workers/index.ts";
import { insertOrders } from "./order.repository.ts";
import type { OrderRow } from "./order-row.repository.ts";

/** Notes what happened to an order. */
export async function recordOrderEvent(
  tx: Tx,
  type: NewEvent["type"],
  order: Pick<OrderRow, "id" | "taskId" | "attempt" | "correlationId" | "kind" | "status">,
  more: { workerId?: string | null; executionId?: string | null; data?: Record<string, unknown> } = {},
): Promise<void> {
  const { data, ...refs } = more;
  await recordEvent(tx, {
    type,
    taskId: order.taskId,
    workOrderId: order.id,
    ...(order.attempt > 0 ? { attempt: order.attempt } : {}),
    correlationId: order.correlationId,
    ...refs,
    data: { kind: order.kind, status: order.status, ...data },
  });
}

/** Queues a run of the task, without moving the task. */
export async function insertRun(tx: Tx, task: TaskRow, payload: RunPayload): Promise<void> {
  const [order] = await insertOrders(tx, [{ task, kind: "run", payload }]);
  if (order !== undefined) {
    await recordOrderEvent(tx, "work_order.enqueued", order, { data: { lane: order.queueName } });
  }
}

/** Queues the blocked tasks among these that may start now, and says why the others may not. */
export async function startReady(tx: Tx, taskIds: readonly string[]): Promise<void> {
  for (const { task, baseBranch } of await judgeBlocked(tx, taskIds)) {
    await moveTask(tx, task.id, { event: "unblock" });
    await insertRun(tx, task, { baseBranch, followUp: null });
  }
}

/** After a task ended or came back: those that wait for it start, or say why they can't. */
export async function tellDependents(tx: Tx, taskId: string): Promise<void> {
  await startReady(tx, await blockedDependents(tx, taskId));
}

/** Gives the slot of an ended attempt back. The last thing of a transaction: workers are locked after tasks and orders. */
export async function releaseSlot(
  tx: Tx,
  held: { workerId: string; instanceId: string } | undefined,
): Promise<void> {
  if (held === undefined) {
    return;
  }
  const status = await freeSlot(tx, held.workerId, held.instanceId);
  if (status !== undefined) {
    await recordEvent(tx, {
      type: "worker.status_changed",
      workerId: held.workerId,
      data: { status, reason: "" },
    });
  }
}

/** Who holds the order. */
export const holderOf = (order: OrderRow): { workerId: string; instanceId: string } | undefined =>
  order.workerId === null || order.workerInstanceId === null
    ? undefined
    : { workerId: order.workerId, instanceId: order.workerInstanceId };
