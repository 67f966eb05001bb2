import type { Task, TaskDiff, TaskReview } from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";
import type { Actor } from "../../actor.ts";
import type { Db, Tx } from "../../database/client.ts";
import { inTransaction } from "../../database/transaction.ts";
import { recordEvent } from "../events/index.ts";
import type { DispatchPort } from "./dispatch.port.ts";
import { mustFindTask, mustLockTask } from "./task.service.ts";
import { cancelTask, retryTask } from "./task-actions.service.ts";
import { annotateTask, moveTask } from "./task-move.repository.ts";
import type { TaskRow } from "./task-row.repository.ts";

/** Reads the text of an artifact, at most `bytesMax` bytes of it. */
export type ReadArtifactText = (
  artifactId: string,
  bytesMax: number,
) => Promise<{ text: string; isTruncated: boolean }>;

export interface ReviewServiceDeps {
  db: Db;
  dispatch: DispatchPort;
  readArtifactText: ReadArtifactText;
}

const diffBytesMax = 4 * 1_024 * 1_024;

/** What people do with a task under way: cancel, retry, look at the result, approve it or send it back. */
export function createReviewService({ db, dispatch, readArtifactText }: ReviewServiceDeps) {
  const approve = async (tx: Tx, task: TaskRow, actor: Actor, comment: string): Promise<void> => {
    await dispatch.enqueuePublish(tx, task);
    await annotateTask(tx, task.id, { reason: "Approved; it is being pushed." });
    await recordEvent(tx, {
      type: "task.approved",
      taskId: task.id,
      correlationId: task.correlationId,
      data: { status: task.status, by: `${actor.kind}:${actor.id}`, comment },
    });
  };

  const reject = async (tx: Tx, task: TaskRow, comment: string): Promise<void> => {
    const { baseBranch } = await dispatch.lastRunPayload(tx, task.id);
    await moveTask(tx, task.id, { event: "reject", reason: `Changes asked for: ${comment}` });
    await dispatch.enqueueRun(tx, task, { baseBranch, followUp: comment });
  };

  return {
    /** Cancels a live task. @throws AppError `task.not_found`, `task.illegal_transition` */
    cancel: (taskId: string, reason: string): Promise<Task> =>
      inTransaction(db, async (tx) => {
        await cancelTask(tx, dispatch, await mustLockTask(tx, taskId), reason);
        return await mustFindTask(tx, taskId);
      }),

    /** Queues a failed task, or a failed push, again. @throws AppError `task.not_found`, `task.illegal_transition` */
    retry: (taskId: string): Promise<Task> =>
      inTransaction(db, async (tx) => {
        await retryTask(tx, dispatch, await mustLockTask(tx, taskId));
        return await mustFindTask(tx, taskId);
      }),

    /**
     * Approves a result, which publishes it, or sends it back: the next run then goes on with the comment.
     * @throws AppError `task.not_found`, `task.illegal_transition` when it is not under review, or approved already
     */
    review: (actor: Actor, taskId: string, { decision, comment }: TaskReview): Promise<Task> =>
      inTransaction(db, async (tx) => {
        const task = await mustLockTask(tx, taskId);
        if (task.status !== "in_review") {
          throw new AppError("task.illegal_transition", `The task is ${task.status}, not under review.`, {
            data: { status: task.status },
          });
        }
        if (await dispatch.hasLiveOrder(tx, taskId)) {
          throw new AppError("task.illegal_transition", "The task is approved already and being pushed.");
        }
        if (decision === "approve") {
          await approve(tx, task, actor, comment);
        } else {
          await reject(tx, task, comment);
        }
        return await mustFindTask(tx, taskId);
      }),

    /** The change of the last run that succeeded. @throws AppError `task.not_found`, `task.no_diff` */
    diff: async (taskId: string): Promise<TaskDiff> => {
      const task = await mustFindTask(db, taskId);
      const run = await db.transaction((tx) => dispatch.lastRunResult(tx, taskId));
      if (run === undefined) {
        throw new AppError("task.no_diff", "No execution of the task has handed in a result yet.");
      }
      const { text, isTruncated } = await readArtifactText(run.diffArtifactId, diffBytesMax);
      return {
        taskId,
        executionId: run.executionId,
        baseCommit: run.baseCommit,
        commit: run.commit,
        branch: task.result?.branch ?? null,
        patch: text,
        isTruncated,
      };
    },
  };
}

export type ReviewService = ReturnType<typeof createReviewService>;
