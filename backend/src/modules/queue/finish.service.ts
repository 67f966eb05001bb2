import {
  type Finished,
  nextStatus,
  type TaskEvent,
  type TaskStatus,
  taskMachine,
} from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";
import type { Actor } from "../../actor.ts";
import type { Db, Tx } from "../../database/client.ts";
import { inTransaction } from "../../database/transaction.ts";
import { type NewEvent, recordEvent } from "../events/index.ts";
import {
  type AttemptRef,
  type ExecutionEnd,
  findStoredAnswer,
  type OrderAfter,
  type StoredAnswer,
} from "./attempt.repository.ts";
import { endAttempt, type HeldWork, lockAttempt } from "./held-attempt.repository.ts";
import type { OrderRow } from "./order-row.repository.ts";
import { resultHash } from "./result-hash.ts";
import { recordOrderEvent } from "./settle.repository.ts";

export type FinishRoute = "complete" | "fail" | "release" | "park";

/** What a result does to the order, its execution and its task. */
export interface Effect {
  after: OrderAfter;
  assignment: "completed" | "failed" | "cancelled" | "released" | "parked";
  execution: ExecutionEnd;
  /** What the history tells of the order. */
  told: { type: NewEvent["type"]; data?: Record<string, unknown> };
  /** How the task moves; undefined when its status stays. */
  taskEvent: TaskEvent | undefined;
  /** Writes the rest, with the order ended: the task, those that wait for it, orders that follow. Returns the task's status then. */
  settle: (tx: Tx, order: OrderRow) => Promise<TaskStatus>;
}

/** The refusal that tells an attempt to stop. */
export const leaseLost = ({ workOrderId, attempt }: AttemptRef): AppError =>
  new AppError(
    "work_order.lease_lost",
    `Attempt ${attempt} no longer holds the lease: stop it and publish nothing.`,
    {
      data: { workOrderId, attempt },
    },
  );

/** An attempt writes with its own token only. @throws AppError `auth.forbidden`, `work_order.lease_lost` */
export function assertOwnAttempt(actor: Actor, ref: AttemptRef): void {
  if (actor.kind !== "attempt" || actor.attempt === undefined) {
    throw new AppError("auth.forbidden", "Only the token of the attempt may do this.");
  }
  if (actor.attempt.workOrderId !== ref.workOrderId || actor.attempt.attempt !== ref.attempt) {
    throw leaseLost(ref);
  }
}

/** The answer that a repeat gets. @throws AppError when it is no repeat */
function answerAgain(
  ref: AttemptRef,
  stored: StoredAnswer | undefined,
  { hash, reportsCancel, taskStatus }: { hash: string; reportsCancel: boolean; taskStatus: TaskStatus },
): Finished {
  if (reportsCancel && stored?.status === "cancelled" && stored.answer === null) {
    return { ...ref, status: "cancelled", taskStatus, availableInMs: null };
  }
  if (stored?.resultHash === hash && stored.answer !== null) {
    return stored.answer;
  }
  if (stored !== undefined && stored.resultHash !== null) {
    throw new AppError(
      "work_order.already_finished",
      `Attempt ${ref.attempt} already handed in another result.`,
      {
        data: { ...ref, status: stored.answer?.status ?? null },
      },
    );
  }
  throw leaseLost(ref);
}

export interface FinishInput {
  actor: Actor;
  ref: AttemptRef;
  route: FinishRoute;
  /** What was handed in; a repeat is recognised by it. */
  input: unknown;
  /** The worker says that it stopped because it was told to cancel: no news, but no fault either. */
  reportsCancel?: boolean;
  /** Artifacts that the input names; `decide` is told how many of them are the attempt's own. */
  artifactIds?: readonly string[];
  /** Makes ready what is held, once it is sure that the attempt holds it. */
  prepare?: (tx: Tx, held: HeldWork) => Promise<HeldWork>;
  /** Decides under the locks of task and order. Throws when the input does not fit the order. */
  decide: (tx: Tx, held: HeldWork) => Promise<Effect> | Effect;
}

/**
 * The one way in which an attempt ends by its worker's word: one transaction that compares order, attempt and status. Whoever
 * comes second (a repeat, a stale attempt, a cancellation, the reaper) finds the lease ended and changes nothing.
 * @throws AppError `work_order.not_found`, `work_order.lease_lost`, `work_order.already_finished`, `auth.forbidden`
 */
export function finishAttempt(
  db: Db,
  { actor, ref, route, input, reportsCancel = false, artifactIds = [], prepare, decide }: FinishInput,
): Promise<Finished> {
  assertOwnAttempt(actor, ref);
  const hash = resultHash(route, input);
  return inTransaction(db, async (tx) => {
    const locked = await lockAttempt(tx, ref, artifactIds);
    if (locked === undefined) {
      throw new AppError("work_order.not_found", `There is no work order ${ref.workOrderId}.`);
    }
    const { task, held } = locked;
    if (held === undefined) {
      return answerAgain(ref, await findStoredAnswer(tx, ref), {
        hash,
        reportsCancel,
        taskStatus: task.status,
      });
    }
    const ready = prepare === undefined ? held : await prepare(tx, held);
    return await applyEffect(tx, ready, await decide(tx, ready), hash);
  });
}

async function applyEffect(tx: Tx, held: HeldWork, effect: Effect, resultHash: string): Promise<Finished> {
  const { order, task, now } = held;
  const { after, taskEvent } = effect;
  const ref = { workOrderId: order.id, attempt: order.attempt };
  const answer: Finished = {
    ...ref,
    status: after.status,
    taskStatus: (taskEvent && nextStatus(taskMachine, task.status, taskEvent)) ?? task.status,
    availableInMs: after.status === "pending" ? Math.round(after.delayMs) : null,
  };
  const end = await endAttempt(tx, order, { ...effect, resultHash, answer });
  if (end === undefined) {
    throw leaseLost(ref);
  }
  await tellEnd(tx, held, effect);
  const isOver = after.status !== "pending" && after.status !== "parked";
  const taskStatus = await effect.settle(tx, {
    ...order,
    status: after.status,
    completedAt: isOver ? now : null,
  });
  if (taskStatus !== answer.taskStatus) {
    throw new Error(`the task of order ${order.id} became ${taskStatus}, not ${answer.taskStatus}`);
  }
  if (end.isWorkerIdle) {
    await recordEvent(tx, {
      type: "worker.status_changed",
      workerId: order.workerId,
      data: { status: "idle", reason: "" },
    });
  }
  return answer;
}

/** Notes in the history how execution and order ended. */
async function tellEnd(
  tx: Tx,
  { order, executionId }: HeldWork,
  { after, execution, told }: Effect,
): Promise<void> {
  await recordEvent(tx, {
    type: "execution.finished",
    taskId: order.taskId,
    workOrderId: order.id,
    executionId,
    workerId: order.workerId,
    attempt: order.attempt,
    correlationId: order.correlationId,
    data: {
      kind: order.kind,
      status: execution.outcome,
      failure: execution.failure ?? null,
      verification: execution.verification ?? null,
      reason: execution.reason ?? "",
    },
  });
  await recordOrderEvent(
    tx,
    told.type,
    { ...order, status: after.status },
    { workerId: order.workerId, executionId, ...(told.data && { data: told.data }) },
  );
}
