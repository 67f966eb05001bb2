import type { ReviewComment, Task, TaskDiff, TaskReview } from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";
import type { Actor } from "../../actor.ts";
import type { Db, Tx } from "../../database/client.ts";
import { inTransaction } from "../../database/transaction.ts";
import { recordEvent } from "../events/index.ts";
import type { DispatchPort } from "./dispatch.port.ts";
import { filesOfDiff, followUpOf } from "./review-comments.ts";
import { mustFindTask, mustLockTask } from "./task.service.ts";
import { cancelTask, retryTask } from "./task-actions.service.ts";
import { recordTaskAudit } from "./task-audit.service.ts";
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

  const reject = async (tx: Tx, task: TaskRow, headline: string, followUp: string): Promise<void> => {
    const { baseBranch } = await dispatch.lastRunPayload(tx, task.id);
    await moveTask(tx, task.id, { event: "reject", reason: `Changes asked for: ${headline}` });
    await dispatch.enqueueRun(tx, task, { baseBranch, followUp, followUpKind: "review" });
  };

  const readDiff = async (taskId: string): Promise<TaskDiff> => {
    const task = await mustFindTask(db, taskId);
    const run = await db.transaction((tx) => dispatch.lastRunResult(tx, taskId));
    if (run === undefined) {
      throw new AppError("task.no_diff", "No execution of the task has handed in a result yet.");
    }
    const { text, isTruncated } = await readArtifactText(run.diffArtifactId, diffBytesMax);
    const { executionId, baseCommit, commit } = run;
    const branch = task.result?.branch ?? null;
    return { taskId, executionId, baseCommit, commit, branch, patch: text, isTruncated };
  };

  /** What the agent is told. @throws AppError `request.invalid` for a comment on a file that the result does not change */
  const tell = async (
    taskId: string,
    comment: string,
    comments: readonly ReviewComment[],
  ): Promise<string> => {
    if (comments.length === 0) return comment;
    const { patch, isTruncated } = await readDiff(taskId);
    const files = filesOfDiff(patch);
    const issues = comments.flatMap(({ path }, index) =>
      files.has(path) || isTruncated
        ? []
        : [{ path: `comments.${index}.path`, message: `the result does not change ${path}` }],
    );
    if (issues.length > 0) {
      throw new AppError("request.invalid", "A comment is on a file that the result does not change.", {
        issues,
      });
    }
    return followUpOf(comment, comments, files);
  };

  return {
    /** Cancels a live task. @throws AppError `task.not_found`, `task.illegal_transition` */
    cancel: (taskId: string, reason: string): Promise<Task> =>
      inTransaction(db, async (tx) => {
        const task = await mustLockTask(tx, taskId);
        await cancelTask(tx, dispatch, task, reason);
        await recordTaskAudit(tx, "task.cancelled", task, { detail: { reason } });
        return await mustFindTask(tx, taskId);
      }),

    /** Queues a failed task, or a failed push, again. @throws AppError `task.not_found`, `task.illegal_transition` */
    retry: (taskId: string): Promise<Task> =>
      inTransaction(db, async (tx) => {
        const task = await mustLockTask(tx, taskId);
        await retryTask(tx, dispatch, task);
        await recordTaskAudit(tx, "task.retried", task);
        return await mustFindTask(tx, taskId);
      }),

    /**
     * Approves a result, which publishes it, or sends it back: the next run then goes on with the comment.
     * @throws AppError `task.not_found`, `task.illegal_transition` when it is not under review, or approved already
     */
    review: async (
      actor: Actor,
      taskId: string,
      { decision, comment, comments }: TaskReview,
    ): Promise<Task> => {
      const followUp = decision === "approve" ? comment : await tell(taskId, comment, comments);
      return await inTransaction(db, async (tx) => {
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
          await reject(tx, task, comment.trim() || "see the lines", followUp);
        }
        await recordTaskAudit(tx, "task.reviewed", task, { detail: { decision, comment } });
        return await mustFindTask(tx, taskId);
      });
    },

    /** The change of the last run that succeeded. @throws AppError `task.not_found`, `task.no_diff` */
    diff: readDiff,
  };
}

export type ReviewService = ReturnType<typeof createReviewService>;
