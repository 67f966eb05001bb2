import type {
  Evidence,
  ExecutionMetrics,
  ExecutionOutcome,
  FailureKind,
  Finished,
  Verification,
} from "@agentvine/contracts";
import { and, eq, sql } from "drizzle-orm";
import type { Tx } from "../../database/client.ts";
import {
  checkpoints,
  executions,
  type WorkerAssignmentStatus,
  workerAssignments,
  workOrders,
} from "../../database/schema/index.ts";
import { storableJson, storableText } from "../../storable-json.ts";
import { recordEvent } from "../events/index.ts";
import type { OrderRow } from "./order-row.repository.ts";
import { announceWork } from "./work-channel.repository.ts";

export interface AttemptRef {
  workOrderId: string;
  attempt: number;
}

/** The order, locked, when this attempt holds it now. Lock its task first. */
export async function lockHeldOrder(
  tx: Tx,
  { workOrderId, attempt }: AttemptRef,
): Promise<OrderRow | undefined> {
  const [row] = await tx
    .select()
    .from(workOrders)
    .where(
      and(eq(workOrders.id, workOrderId), eq(workOrders.attempt, attempt), eq(workOrders.status, "claimed")),
    )
    .for("no key update");
  return row;
}

/** What an attempt handed in before, and what it was told. */
export interface StoredAnswer {
  status: WorkerAssignmentStatus;
  resultHash: string | null;
  answer: Finished | null;
}

export async function findStoredAnswer(
  tx: Tx,
  { workOrderId, attempt }: AttemptRef,
): Promise<StoredAnswer | undefined> {
  const [row] = await tx
    .select({
      status: workerAssignments.status,
      resultHash: workerAssignments.resultHash,
      answer: workerAssignments.answer,
    })
    .from(workerAssignments)
    .where(and(eq(workerAssignments.workOrderId, workOrderId), eq(workerAssignments.attempt, attempt)));
  return row;
}

/** How an attempt's order goes on. */
export type OrderAfter =
  | { status: "completed"; result: Record<string, unknown> }
  | { status: "failed"; result: Record<string, unknown> | null; errorMessage: string; isDeadLetter: boolean }
  | { status: "cancelled"; errorMessage: string }
  | { status: "parked" }
  | { status: "pending"; delayMs: number; errorMessage: string | null; isRetry?: boolean };

const isOver = (status: OrderAfter["status"]): boolean => status !== "pending" && status !== "parked";

/**
 * Ends the lease of this attempt and says how the order goes on; its rank stays, so that it is first in its lane again.
 * Compares attempt and status once more: undefined when the attempt does not hold the order.
 */
export async function endLease(
  tx: Tx,
  { workOrderId, attempt }: AttemptRef,
  after: OrderAfter,
  hash: string | null,
): Promise<OrderRow | undefined> {
  const [row] = await tx
    .update(workOrders)
    .set({
      status: after.status,
      leaseExpiresAt: null,
      claimKey: null,
      resultHash: hash,
      completedAt: isOver(after.status) ? sql`now()` : null,
      ...("result" in after && after.result !== null ? { result: storableJson(after.result) } : {}),
      ...("errorMessage" in after
        ? { errorMessage: after.errorMessage === null ? null : storableText(after.errorMessage) }
        : {}),
      ...(after.status === "failed" && after.isDeadLetter ? { deadLetteredAt: sql`now()` } : {}),
      ...(isOver(after.status) ? {} : { workerId: null, workerInstanceId: null }),
      ...(after.status === "pending"
        ? {
            availableAt: sql`now() + ${after.delayMs} * interval '1 millisecond'`,
            retryCount: sql`${workOrders.retryCount} + ${after.isRetry === true ? 1 : 0}`,
          }
        : {}),
    })
    .where(
      and(eq(workOrders.id, workOrderId), eq(workOrders.attempt, attempt), eq(workOrders.status, "claimed")),
    )
    .returning();
  if (row?.status === "pending" && after.status === "pending" && after.delayMs <= 0) {
    announceWork(tx, [row.workType]);
  }
  return row;
}

/** How an execution ended. */
export interface ExecutionEnd {
  outcome: ExecutionOutcome;
  failure?: FailureKind | null;
  verification?: Verification | null;
  reason?: string;
  summary?: string;
  exitCode?: number | null;
  metrics?: ExecutionMetrics | null;
  evidence?: Evidence | null;
  baseCommit?: string;
  commit?: string;
  branch?: string;
}

/** Writes how the attempt's execution ended, and the event that tells it; returns its id. Undefined when it had ended before. */
export async function endExecution(
  tx: Tx,
  taskId: string,
  attempt: number,
  { outcome, ...facts }: ExecutionEnd,
): Promise<string | undefined> {
  const given = Object.fromEntries(
    Object.entries(facts).filter(([, value]) => value !== undefined && value !== null),
  );
  const [row] = await tx
    .update(executions)
    .set({
      ...storableJson(given),
      status: outcome,
      completedAt: sql`now()`,
      durationSeconds: sql`extract(epoch from now() - ${executions.startedAt})`,
    })
    .where(
      and(eq(executions.taskId, taskId), eq(executions.attempt, attempt), eq(executions.status, "running")),
    )
    .returning();
  if (row === undefined) {
    return undefined;
  }
  await recordEvent(tx, {
    type: "execution.finished",
    taskId,
    workOrderId: row.workOrderId,
    executionId: row.id,
    workerId: row.workerId,
    attempt,
    correlationId: row.correlationId,
    data: {
      kind: row.kind,
      status: row.status,
      failure: row.failure,
      verification: row.verification,
      reason: row.reason,
    },
  });
  return row.id;
}

/** Closes the attempt's assignment. With a hash and an answer, a repeat of the same result gets the answer again. */
export async function endAssignment(
  tx: Tx,
  { workOrderId, attempt }: AttemptRef,
  end: { status: WorkerAssignmentStatus; resultHash?: string; answer?: Finished },
): Promise<void> {
  await tx
    .update(workerAssignments)
    .set({ ...end, completedAt: sql`now()` })
    .where(and(eq(workerAssignments.workOrderId, workOrderId), eq(workerAssignments.attempt, attempt)));
}

/** True when the checkpoint exists and is one of the task's. */
export async function isCheckpointOf(tx: Tx, checkpointId: string, taskId: string): Promise<boolean> {
  const rows = await tx
    .select({ id: checkpoints.id })
    .from(checkpoints)
    .where(and(eq(checkpoints.id, checkpointId), eq(checkpoints.taskId, taskId)));
  return rows.length > 0;
}

/** The execution of an attempt. */
export async function executionIdOf(tx: Tx, taskId: string, attempt: number): Promise<string | undefined> {
  const [row] = await tx
    .select({ id: executions.id })
    .from(executions)
    .where(and(eq(executions.taskId, taskId), eq(executions.attempt, attempt)));
  return row?.id;
}
