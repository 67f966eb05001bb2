import type { Priority, RunPayload } from "@agentvine/contracts";
import type { Tx } from "../../database/client.ts";
import type { TaskRow } from "./task-row.repository.ts";

/** The result of a task's last run that succeeded, as far as a review or a diff needs it. */
export interface RunResult {
  executionId: string;
  baseCommit: string;
  commit: string;
  diffArtifactId: string;
}

/** What tasks need of the queue; the queue provides it. All of it expects the task to be locked, unless it says otherwise. */
export interface DispatchPort {
  /** What a worker must be able to do to run such a task: equal requirements have equal text. */
  workTypeOf(need: Pick<TaskRow, "taskType" | "requiredLabels" | "agent">): string;
  /**
   * Queues a pending task that waits for nothing, in one statement; the task need not be locked. False when it is no such task, or
   * (with `needsWorker`) no worker seems able to run it.
   */
  enqueueReady(tx: Tx, taskId: string, options: { needsWorker: boolean }): Promise<boolean>;
  /** Queues a run of the task. */
  enqueueRun(tx: Tx, task: TaskRow, payload: RunPayload): Promise<void>;
  /** Queues the push of the task's last successful run; takes a push that failed up again instead of making a second one. */
  enqueuePublish(tx: Tx, task: TaskRow): Promise<void>;
  /** Queues the task's work again after it failed: only the push, when that is what failed. */
  requeueLast(tx: Tx, task: TaskRow): Promise<void>;
  /** True while an order of the task is pending, claimed or parked. */
  hasLiveOrder(tx: Tx, taskId: string): Promise<boolean>;
  /** True when the task's last order was a push that failed for good. */
  hasFailedPublish(tx: Tx, taskId: string): Promise<boolean>;
  /** What the last run order carried. */
  lastRunPayload(tx: Tx, taskId: string): Promise<RunPayload>;
  lastRunResult(tx: Tx, taskId: string): Promise<RunResult | undefined>;
  /** Cancels the task's live order; the worker that holds it is told to stop. */
  cancelLive(tx: Tx, task: TaskRow, reason: string): Promise<void>;
  /** Puts the pending order where the new priority belongs. */
  rerank(tx: Tx, task: TaskRow, priority: Priority): Promise<void>;
  /** Starts the blocked tasks among these that may start now, and says why the others may not. */
  startReady(tx: Tx, taskIds: readonly string[]): Promise<void>;
}
