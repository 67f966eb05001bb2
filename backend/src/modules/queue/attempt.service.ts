import type {
  Complete,
  Fail,
  Finished,
  Park,
  PublishSuccess,
  Release,
  RunSuccess,
} from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";
import type { Actor } from "../../actor.ts";
import type { Db, Tx } from "../../database/client.ts";
import { annotateTask, moveTask } from "../tasks/index.ts";
import { countOwnArtifacts, endExecution, isCheckpointOf } from "./attempt.repository.ts";
import { failureEffect, requeueTask } from "./failure.service.ts";
import { type Effect, type FinishInput, finishAttempt, type HeldWork } from "./finish.service.ts";
import { insertOrders } from "./order.repository.ts";
import type { OrderRow } from "./order-row.repository.ts";
import { branchOf, publishesItself, resultOfPublish, resultOfRun } from "./outcome.ts";
import type { RetryPolicy } from "./retry-policy.ts";
import { recordOrderEvent, tellDependents } from "./settle.repository.ts";

export interface AttemptServiceDeps {
  db: Db;
  retry: RetryPolicy;
}

const misfit = (path: string, message: string): AppError =>
  new AppError("request.invalid", message, { issues: [{ path, message }] });

async function completeRun(tx: Tx, { order, task }: HeldWork, result: RunSuccess): Promise<Effect> {
  const artifactIds = [...new Set([result.bundleArtifactId, result.diffArtifactId])];
  if ((await countOwnArtifacts(tx, task.id, order.attempt, artifactIds)) !== artifactIds.length) {
    throw misfit("result.bundleArtifactId", "bundle and diff must be uploaded by this attempt first");
  }
  return {
    after: { status: "completed", result },
    assignment: "completed",
    apply: async (tx, ended) => {
      const branch = branchOf(task.id, ended.attempt);
      const executionId = await endExecution(tx, task.id, ended.attempt, {
        ...result,
        outcome: "succeeded",
        reason: result.evidence.reason,
        branch,
      });
      const told = { workerId: order.workerId, executionId: executionId ?? null };
      await recordOrderEvent(tx, "work_order.completed", ended, told);
      const taskResult = resultOfRun(result, executionId ?? "");
      const refs = { workOrderId: ended.id, attempt: ended.attempt, ...(executionId && { executionId }) };
      if (!publishesItself(task.permissionLevel, result)) {
        const moved = await moveTask(tx, task.id, { event: "submit", result: taskResult, ...refs });
        return moved?.status ?? task.status;
      }
      await annotateTask(tx, task.id, { result: taskResult, isUnassigned: true });
      const payload = {
        executionId,
        bundleArtifactId: result.bundleArtifactId,
        baseCommit: result.baseCommit,
        commit: result.commit,
        branch,
      };
      const [publish] = await insertOrders(tx, [{ task, kind: "publish", payload }]);
      if (publish !== undefined) {
        await recordOrderEvent(tx, "work_order.enqueued", publish, { data: { branch } });
      }
      return task.status;
    },
  };
}

function completePublish({ order, task }: HeldWork, result: PublishSuccess): Effect {
  const { branch, commit } = order.payload;
  if (result.branch !== branch || result.commit !== commit) {
    throw misfit("result.branch", `commit ${commit} was to be pushed as ${branch}`);
  }
  return {
    after: { status: "completed", result },
    assignment: "completed",
    apply: async (tx, ended: OrderRow) => {
      const executionId = await endExecution(tx, task.id, ended.attempt, {
        outcome: "succeeded",
        metrics: result.metrics,
        branch: result.branch,
        commit: result.commit,
      });
      await recordOrderEvent(tx, "work_order.completed", ended, {
        workerId: order.workerId,
        executionId: executionId ?? null,
        data: { branch: result.branch, commit: result.commit },
      });
      const publishedAt = (ended.completedAt ?? new Date(0)).toISOString();
      const moved = await moveTask(tx, task.id, {
        event: "complete",
        result: resultOfPublish(task.result, result, publishedAt),
        workOrderId: ended.id,
        attempt: ended.attempt,
        ...(executionId && { executionId }),
      });
      await tellDependents(tx, task.id);
      return moved?.status ?? task.status;
    },
  };
}

function releaseEffect({ order, task }: HeldWork, reason: string): Effect {
  return {
    after: { status: "pending", delayMs: 0, errorMessage: null },
    assignment: "released",
    apply: async (tx, ended) => {
      const executionId = await endExecution(tx, task.id, order.attempt, { outcome: "released", reason });
      await recordOrderEvent(tx, "work_order.released", ended, {
        workerId: order.workerId,
        executionId: executionId ?? null,
        data: { reason },
      });
      return await requeueTask(tx, task, ended, reason);
    },
  };
}

async function parkEffect(tx: Tx, { order, task }: HeldWork, body: Park): Promise<Effect> {
  if (order.kind !== "run") {
    throw new AppError("work_order.illegal_transition", "Only a run can be parked.");
  }
  if (!(await isCheckpointOf(tx, body.checkpointId, task.id))) {
    throw new AppError("checkpoint.not_found", `The task has no checkpoint ${body.checkpointId}.`);
  }
  return {
    after: { status: "parked" },
    assignment: "parked",
    apply: async (tx, ended) => {
      const { reason } = body;
      const executionId = await endExecution(tx, task.id, order.attempt, { outcome: "parked", reason });
      await recordOrderEvent(tx, "work_order.parked", ended, {
        workerId: order.workerId,
        executionId: executionId ?? null,
        data: { reason, checkpointId: body.checkpointId },
      });
      const moved = await moveTask(tx, task.id, { event: "wait", reason, workOrderId: ended.id });
      return moved?.status ?? task.status;
    },
  };
}

/** What a worker says about the attempt it holds: complete, fail, release, park. */
export function createAttemptService({ db, retry }: AttemptServiceDeps) {
  const finish = (input: FinishInput): Promise<Finished> => finishAttempt(db, input);

  return {
    /** Takes the result of an attempt. @throws AppError as `finishAttempt`, `request.invalid` when it does not fit the order */
    complete: (actor: Actor, { result, ...ref }: Complete): Promise<Finished> =>
      finish({
        actor,
        ref,
        route: "complete",
        input: result,
        decide: (tx, held) => {
          const isPublish = held.order.kind === "publish";
          if (isPublish !== (result.outcome === "published")) {
            throw misfit("result.outcome", `a ${held.order.kind} order can't end as ${result.outcome}`);
          }
          return result.outcome === "published"
            ? completePublish(held, result)
            : completeRun(tx, held, result);
        },
      }),

    /** Takes a failure: the order is tried again, or it and its task fail. @throws AppError as `finishAttempt` */
    fail: (actor: Actor, { result, ...ref }: Fail): Promise<Finished> =>
      finish({
        actor,
        ref,
        route: "fail",
        input: result,
        reportsCancel: result.outcome === "cancelled",
        decide: (_tx, held) => failureEffect(held, result, retry),
      }),

    /** Puts the order back unfinished; not counted. @throws AppError as `finishAttempt` */
    release: (actor: Actor, { reason, ...ref }: Release): Promise<Finished> =>
      finish({
        actor,
        ref,
        route: "release",
        input: { reason },
        decide: (_tx, held) => releaseEffect(held, reason),
      }),

    /** Gives the slot back until an answer comes. @throws AppError as `finishAttempt`, `checkpoint.not_found` */
    park: (actor: Actor, body: Park): Promise<Finished> => {
      const { workOrderId, attempt, checkpointId, reason } = body;
      return finish({
        actor,
        ref: { workOrderId, attempt },
        route: "park",
        input: { checkpointId, reason },
        decide: (tx, held) => parkEffect(tx, held, body),
      });
    },
  };
}

export type AttemptService = ReturnType<typeof createAttemptService>;
