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
import { beforeCommit } from "../../database/before-commit.ts";
import type { Db, Tx } from "../../database/client.ts";
import { annotateTask, moveTask } from "../tasks/index.ts";
import { type AttemptRef, isCheckpointOf } from "./attempt.repository.ts";
import { failureEffect, requeueTask } from "./failure.service.ts";
import { assertOwnAttempt, type Effect, type FinishInput, finishAttempt } from "./finish.service.ts";
import type { HeldWork } from "./held-attempt.repository.ts";
import { insertOrders } from "./order.repository.ts";
import type { OrderRow } from "./order-row.repository.ts";
import { branchOf, publishesItself, resultOfPublish, resultOfRun } from "./outcome.ts";
import type { RequestsPort } from "./requests.port.ts";
import { resultHash } from "./result-hash.ts";
import type { RetryPolicy } from "./retry-policy.ts";
import { submitForReview } from "./review-result.repository.ts";
import { recordOrderEvent, tellDependents } from "./settle.repository.ts";

export interface AttemptServiceDeps {
  db: Db;
  retry: RetryPolicy;
  requests: RequestsPort;
}

const misfit = (path: string, message: string): AppError =>
  new AppError("request.invalid", message, { issues: [{ path, message }] });

const artifactsOf = (result: RunSuccess): string[] => [
  ...new Set([result.bundleArtifactId, result.diffArtifactId]),
];

/** Queues the push of a result that nobody has to look at first. */
async function enqueuePush(
  tx: Tx,
  { task, executionId }: HeldWork,
  ended: OrderRow,
  result: RunSuccess,
): Promise<void> {
  const branch = branchOf(task.id, ended.attempt);
  await annotateTask(tx, task.id, { result: resultOfRun(result, executionId), isUnassigned: true });
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
}

function completeRun(held: HeldWork, result: RunSuccess): Effect {
  const { order, task, executionId } = held;
  if (held.ownArtifacts !== artifactsOf(result).length) {
    throw misfit("result.bundleArtifactId", "bundle and diff must be uploaded by this attempt first");
  }
  const isPublished = publishesItself(task.permissionLevel, result);
  return {
    after: { status: "completed", result },
    assignment: "completed",
    execution: {
      ...result,
      outcome: "succeeded",
      reason: result.evidence.reason,
      branch: branchOf(task.id, order.attempt),
    },
    told: { type: "work_order.completed" },
    taskEvent: isPublished ? undefined : "submit",
    settle: async (tx, ended) => {
      if (isPublished) {
        await enqueuePush(tx, held, ended, result);
        return task.status;
      }
      const moved = await moveTask(tx, task.id, {
        event: "submit",
        result: resultOfRun(result, executionId),
        ...refsOf(held),
      });
      return moved?.status ?? task.status;
    },
  };
}

const refsOf = ({ order, executionId }: HeldWork) => ({
  workOrderId: order.id,
  attempt: order.attempt,
  executionId,
});

function completePublish(held: HeldWork, result: PublishSuccess): Effect {
  const { order, task, now } = held;
  const { branch, commit } = order.payload;
  if (result.branch !== branch || result.commit !== commit) {
    throw misfit("result.branch", `commit ${commit} was to be pushed as ${branch}`);
  }
  return {
    after: { status: "completed", result },
    assignment: "completed",
    execution: {
      outcome: "succeeded",
      metrics: result.metrics,
      branch: result.branch,
      commit: result.commit,
    },
    told: { type: "work_order.completed", data: { branch: result.branch, commit: result.commit } },
    taskEvent: "complete",
    settle: async (tx) => {
      const moved = await moveTask(tx, task.id, {
        event: "complete",
        result: resultOfPublish(task.result, result, now.toISOString()),
        ...refsOf(held),
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
    execution: { outcome: "released", reason },
    told: { type: "work_order.released", data: { reason } },
    taskEvent: order.kind === "publish" ? undefined : "requeue",
    settle: (tx, ended) => requeueTask(tx, task, ended, reason),
  };
}

async function parkEffect(
  tx: Tx,
  { order, task }: HeldWork,
  body: Park,
  requests: RequestsPort,
): Promise<Effect> {
  if (order.kind !== "run") {
    throw new AppError("work_order.illegal_transition", "Only a run can be parked.");
  }
  if (!(await isCheckpointOf(tx, body.checkpointId, task.id))) {
    throw new AppError("checkpoint.not_found", `The task has no checkpoint ${body.checkpointId}.`);
  }
  const { reason, checkpointId } = body;
  return {
    after: { status: "parked" },
    assignment: "parked",
    execution: { outcome: "parked", reason },
    told: { type: "work_order.parked", data: { reason, checkpointId } },
    taskEvent: "wait",
    settle: async (tx, ended) => {
      const moved = await moveTask(tx, task.id, { event: "wait", reason, workOrderId: ended.id });
      const { requestIds } = body;
      if (requestIds !== undefined) {
        const go = () => requests.parkOn(tx, moved ?? task, ended.id, requestIds);
        if (!beforeCommit(tx, go)) await go();
      }
      return moved?.status ?? task.status;
    },
  };
}

/** What a worker says about the attempt it holds: complete, fail, release, park. */
export function createAttemptService({ db, retry, requests }: AttemptServiceDeps) {
  const finish = (input: FinishInput): Promise<Finished> => finishAttempt(db, input);
  /** Work that is finished while something of it still waits was finished without it. */
  const endWaiting = async (tx: Tx, held: HeldWork): Promise<HeldWork> => {
    if (held.task.status !== "waiting") return held;
    await requests.endLive(tx, held.task, "superseded", "the work was finished without it");
    const task = await moveTask(tx, held.task.id, { event: "answer", ...refsOf(held) });
    return task === undefined ? held : { ...held, task };
  };
  const submit = (ref: AttemptRef, result: RunSuccess): Promise<Finished | undefined> =>
    submitForReview(db, {
      ref,
      result,
      artifactIds: artifactsOf(result),
      resultHash: resultHash("complete", result),
    });

  return {
    /** Takes the result of an attempt. @throws AppError as `finishAttempt`, `request.invalid` when it does not fit the order */
    complete: async (actor: Actor, { result, ...ref }: Complete): Promise<Finished> => {
      assertOwnAttempt(actor, ref);
      const taken = result.outcome === "succeeded" ? await submit(ref, result) : undefined;
      return (
        taken ??
        (await finish({
          actor,
          ref,
          route: "complete",
          input: result,
          artifactIds: result.outcome === "succeeded" ? artifactsOf(result) : [],
          prepare: endWaiting,
          decide: (_tx, held) => {
            const isPublish = held.order.kind === "publish";
            if (isPublish !== (result.outcome === "published")) {
              throw misfit("result.outcome", `a ${held.order.kind} order can't end as ${result.outcome}`);
            }
            return result.outcome === "published" ? completePublish(held, result) : completeRun(held, result);
          },
        }))
      );
    },

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
      const { workOrderId, attempt, checkpointId, reason, requestIds } = body;
      return finish({
        actor,
        ref: { workOrderId, attempt },
        route: "park",
        input: { checkpointId, reason, ...(requestIds && { requestIds }) },
        decide: (tx, held) => parkEffect(tx, held, body, requests),
      });
    },
  };
}

export type AttemptService = ReturnType<typeof createAttemptService>;
