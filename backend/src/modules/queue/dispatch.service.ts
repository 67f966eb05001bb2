import {
  publishPayloadSchema,
  type RunPayload,
  runPayloadSchema,
  runSuccessSchema,
} from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";
import type { Tx } from "../../database/client.ts";
import type { DispatchPort, TaskRow } from "../tasks/index.ts";
import { insertCommand } from "../workers/index.ts";
import { endAssignment, endExecution, endLease, executionIdOf } from "./attempt.repository.ts";
import { freshAfterAttemptField } from "./claim.repository.ts";
import { enqueueReady } from "./enqueue.repository.ts";
import {
  insertOrders,
  lastOrder,
  lockLiveOrder,
  moveOrder,
  requeueOrder,
  rerankOrder,
} from "./order.repository.ts";
import type { OrderRow } from "./order-row.repository.ts";
import { branchOf } from "./outcome.ts";
import { holderOf, insertRun, recordOrderEvent, releaseSlot, startReady } from "./settle.repository.ts";
import { runWork } from "./work-type.ts";

async function cancelClaimed(tx: Tx, order: OrderRow, reason: string): Promise<void> {
  const ref = { workOrderId: order.id, attempt: order.attempt };
  const ended = await endLease(tx, ref, { status: "cancelled", errorMessage: reason }, null);
  if (ended === undefined) {
    throw new AppError("task.conflict", "The work order changed meanwhile.");
  }
  const executionId = await endExecution(tx, order.taskId, order.attempt, { outcome: "cancelled", reason });
  await endAssignment(tx, ref, { status: "cancelled" });
  const held = holderOf(order);
  await recordOrderEvent(tx, "work_order.cancelled", ended, {
    workerId: held?.workerId ?? null,
    executionId: executionId ?? null,
    data: { reason },
  });
  await releaseSlot(tx, held);
  if (held !== undefined) {
    await insertCommand(tx, { ...held, type: "cancel", ...ref, reason });
  }
}

async function cancelLive(tx: Tx, task: TaskRow, reason: string): Promise<void> {
  const order = await lockLiveOrder(tx, task.id);
  if (order === undefined) {
    return;
  }
  if (order.status === "claimed") {
    await cancelClaimed(tx, order, reason);
    return;
  }
  const change = { status: "cancelled" as const, errorMessage: reason };
  const ended = await moveOrder(tx, order.id, order.status, change, { isEnded: true });
  if (ended !== undefined) {
    await recordOrderEvent(tx, "work_order.cancelled", ended, { data: { reason } });
  }
}

async function enqueuePublish(tx: Tx, task: TaskRow): Promise<void> {
  const last = await lastOrder(tx, task.id);
  if (last?.kind === "publish" && last.status === "failed") {
    await requeueFailed(tx, task, last);
    return;
  }
  const run = await lastOrder(tx, task.id, { kind: "run", status: "completed" });
  const result = runSuccessSchema.safeParse(run?.result).data;
  const executionId = run === undefined ? undefined : await executionIdOf(tx, task.id, run.attempt);
  if (run === undefined || result === undefined || executionId === undefined) {
    throw new AppError("task.illegal_transition", "The task has no result that could be published.");
  }
  const payload = publishPayloadSchema.parse({
    executionId,
    bundleArtifactId: result.bundleArtifactId,
    baseCommit: result.baseCommit,
    commit: result.commit,
    branch: branchOf(task.id, run.attempt),
  });
  const [order] = await insertOrders(tx, [{ task, kind: "publish", payload }]);
  if (order !== undefined) {
    await recordOrderEvent(tx, "work_order.enqueued", order, { data: { branch: payload.branch } });
  }
}

const worldlyFailures = new Set(["infrastructure", "checkout"]);

/** A run that failed by itself starts afresh; one that was stopped by the world around it goes on from its checkpoint. */
function payloadOfRetry(task: TaskRow, order: OrderRow): Record<string, unknown> {
  const failure = task.result?.failure;
  return order.kind === "run" && failure && !worldlyFailures.has(failure)
    ? { ...order.payload, [freshAfterAttemptField]: task.attempt }
    : order.payload;
}

/** Queues a failed order again. @throws AppError `work_order.illegal_transition` when it is not failed any more */
export async function requeueFailed(tx: Tx, task: TaskRow, order: OrderRow): Promise<OrderRow> {
  const requeued = await requeueOrder(tx, order, task, payloadOfRetry(task, order));
  if (requeued === undefined) {
    throw new AppError("work_order.illegal_transition", `The work order is ${order.status}, not failed.`);
  }
  await recordOrderEvent(tx, "work_order.requeued", requeued);
  return requeued;
}

async function lastRunPayload(tx: Tx, taskId: string): Promise<RunPayload> {
  const run = await lastOrder(tx, taskId, { kind: "run" });
  return runPayloadSchema.safeParse(run?.payload ?? {}).data ?? { baseBranch: null, followUp: null };
}

/** The queue as tasks see it. */
export const dispatch: DispatchPort = {
  workTypeOf: runWork,
  enqueueReady: async (tx, taskId, options) => (await enqueueReady(tx, taskId, options)) !== undefined,
  enqueueRun: insertRun,
  enqueuePublish,
  requeueLast: async (tx, task) => {
    const last = await lastOrder(tx, task.id);
    if (last?.status === "failed") {
      await requeueFailed(tx, task, last);
      return;
    }
    await insertRun(tx, task, await lastRunPayload(tx, task.id));
  },
  hasLiveOrder: async (tx, taskId) => (await lockLiveOrder(tx, taskId)) !== undefined,
  hasFailedPublish: async (tx, taskId) => {
    const last = await lastOrder(tx, taskId);
    return last?.kind === "publish" && last.status === "failed";
  },
  lastRunPayload,
  lastRunResult: async (db, taskId) => {
    const run = await lastOrder(db, taskId, { kind: "run", status: "completed" });
    const result = runSuccessSchema.safeParse(run?.result).data;
    const executionId = run === undefined ? undefined : await executionIdOf(db, taskId, run.attempt);
    return result === undefined || executionId === undefined ? undefined : { ...result, executionId };
  },
  cancelLive,
  rerank: rerankOrder,
  startReady,
};
