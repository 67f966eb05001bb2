import type { FailureResult, TaskStatus } from "@agentvine/contracts";
import type { Tx } from "../../database/client.ts";
import { annotateTask, moveTask, type TaskRow } from "../tasks/index.ts";
import type { Effect } from "./finish.service.ts";
import type { HeldWork } from "./held-attempt.repository.ts";
import type { OrderRow } from "./order-row.repository.ts";
import { resultOfFailedPublish, resultOfFailure } from "./outcome.ts";
import { judgeFailure, type RetryPolicy } from "./retry-policy.ts";
import { tellDependents } from "./settle.repository.ts";

/** The task goes back into the queue with its order. One whose result is only being pushed stays where it is. */
export async function requeueTask(
  tx: Tx,
  task: TaskRow,
  order: Pick<OrderRow, "id" | "kind" | "attempt">,
  reason: string,
): Promise<TaskStatus> {
  if (order.kind === "publish") {
    await annotateTask(tx, task.id, { reason, isUnassigned: true });
    return task.status;
  }
  const moved = await moveTask(tx, task.id, {
    event: "requeue",
    reason,
    workOrderId: order.id,
    attempt: order.attempt,
  });
  return moved?.status ?? task.status;
}

/** The push failed for good: a task under review stays there and says so, any other fails; the result itself is kept. */
export async function failPublish(
  tx: Tx,
  task: TaskRow,
  order: OrderRow,
  reason: string,
): Promise<TaskStatus> {
  const told = `The push failed: ${reason}`;
  if (task.status === "in_review") {
    await annotateTask(tx, task.id, { reason: `${told} Retry to push again.`, isUnassigned: true });
    return task.status;
  }
  const moved = await moveTask(tx, task.id, {
    event: "fail",
    reason: told,
    result: resultOfFailedPublish(task.result, told),
    workOrderId: order.id,
    attempt: order.attempt,
  });
  await tellDependents(tx, task.id);
  return moved?.status ?? task.status;
}

async function failRun(
  tx: Tx,
  task: TaskRow,
  order: OrderRow,
  result: FailureResult,
  executionId: string,
): Promise<TaskStatus> {
  const moved = await moveTask(tx, task.id, {
    event: result.outcome === "cancelled" ? "cancel" : "fail",
    reason: result.reason,
    result: resultOfFailure(result, executionId),
    workOrderId: order.id,
    attempt: order.attempt,
    executionId,
  });
  await tellDependents(tx, task.id);
  return moved?.status ?? task.status;
}

const endOf = (result: FailureResult) => ({
  outcome: result.outcome,
  failure: result.failure,
  verification:
    result.failure === "verification" ? ("failed" as const) : (result.evidence?.verification ?? null),
  reason: result.reason,
  summary: result.summary,
  exitCode: result.exitCode,
  metrics: result.metrics,
  evidence: result.evidence,
});

/** What a failed attempt does: back into the queue when trying again may help and tries are left, else the end. */
export function failureEffect(held: HeldWork, result: FailureResult, policy: RetryPolicy): Effect {
  const { order, task, executionId } = held;
  const verdict = judgeFailure(result, order, policy);
  const isPublish = order.kind === "publish";
  const execution = endOf(result);
  const data = {
    outcome: result.outcome,
    failure: result.failure,
    reason: result.reason.slice(0, 2_000),
  };
  if (verdict.kind === "retry") {
    return {
      after: { status: "pending", delayMs: verdict.delayMs, errorMessage: result.reason, isRetry: true },
      assignment: "failed",
      execution,
      told: { type: "work_order.retried", data },
      taskEvent: isPublish ? undefined : "requeue",
      settle: (tx, ended) => requeueTask(tx, task, ended, `Tried again soon: ${result.reason}`),
    };
  }
  if (verdict.kind === "cancelled" && !isPublish) {
    return {
      after: { status: "cancelled", errorMessage: result.reason },
      assignment: "cancelled",
      execution,
      told: { type: "work_order.cancelled", data },
      taskEvent: "cancel",
      settle: (tx, ended) => failRun(tx, task, ended, result, executionId),
    };
  }
  return {
    after: {
      status: "failed",
      result,
      errorMessage: result.reason,
      isDeadLetter: verdict.kind === "given_up",
    },
    assignment: "failed",
    execution,
    told: { type: "work_order.failed", data },
    taskEvent: isPublish
      ? task.status === "in_review"
        ? undefined
        : "fail"
      : result.outcome === "cancelled"
        ? "cancel"
        : "fail",
    settle: (tx, ended) =>
      isPublish ? failPublish(tx, task, ended, result.reason) : failRun(tx, task, ended, result, executionId),
  };
}
