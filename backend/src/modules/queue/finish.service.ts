import type { Finished, TaskStatus } from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";
import type { Actor } from "../../actor.ts";
import type { Db, Tx } from "../../database/client.ts";
import { inTransaction } from "../../database/transaction.ts";
import type { TaskRow } from "../tasks/index.ts";
import {
  type AttemptRef,
  endAssignment,
  endLease,
  findStoredAnswer,
  lockHeldOrder,
  lockTaskOfOrder,
  type OrderAfter,
  type StoredAnswer,
} from "./attempt.repository.ts";
import type { OrderRow } from "./order-row.repository.ts";
import { resultHash } from "./result-hash.ts";
import { holderOf, releaseSlot } from "./settle.repository.ts";

export type FinishRoute = "complete" | "fail" | "release" | "park";

/** An order that the attempt holds, locked, with its task. */
export interface HeldWork {
  order: OrderRow;
  task: TaskRow;
}

/** What a result does to the order, its execution and its task. */
export interface Effect {
  after: OrderAfter;
  assignment: "completed" | "failed" | "cancelled" | "released" | "parked";
  /** Writes the rest: execution, task, history, orders that follow. Returns the task's status then. */
  apply: (tx: Tx, order: OrderRow) => Promise<TaskStatus>;
}

const leaseLost = ({ workOrderId, attempt }: AttemptRef): AppError =>
  new AppError(
    "work_order.lease_lost",
    `Attempt ${attempt} no longer holds the lease: stop it and publish nothing.`,
    {
      data: { workOrderId, attempt },
    },
  );

/** An attempt writes with its own token only. @throws AppError `auth.forbidden`, `work_order.lease_lost` */
function assertOwnAttempt(actor: Actor, ref: AttemptRef): void {
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
  { actor, ref, route, input, reportsCancel = false, decide }: FinishInput,
): Promise<Finished> {
  assertOwnAttempt(actor, ref);
  const hash = resultHash(route, input);
  return inTransaction(db, async (tx) => {
    const task = await lockTaskOfOrder(tx, ref.workOrderId);
    if (task === undefined) {
      throw new AppError("work_order.not_found", `There is no work order ${ref.workOrderId}.`);
    }
    const order = await lockHeldOrder(tx, ref);
    if (order === undefined) {
      return answerAgain(ref, await findStoredAnswer(tx, ref), {
        hash,
        reportsCancel,
        taskStatus: task.status,
      });
    }
    const { after, assignment, apply } = await decide(tx, { order, task });
    const ended = await endLease(tx, ref, after, hash);
    if (ended === undefined) {
      throw leaseLost(ref);
    }
    const taskStatus = await apply(tx, ended);
    const answer: Finished = {
      ...ref,
      status: ended.status,
      taskStatus,
      availableInMs: after.status === "pending" ? Math.round(after.delayMs) : null,
    };
    await endAssignment(tx, ref, { status: assignment, resultHash: hash, answer });
    await releaseSlot(tx, holderOf(order));
    return answer;
  });
}
