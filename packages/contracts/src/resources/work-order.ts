import { z } from "zod";
import { pageOf } from "../pagination.ts";
import { commitSchema, idSchema, labelSchema, timestampSchema } from "../scalars.ts";
import { workOrderStatusSchema } from "../state-machines/work-order-machine.ts";
import { laneSchema, taskTypeSchema, toolClassSchema, workOrderKindSchema } from "../vocabulary.ts";
import {
  checkpointSchema,
  failureResultSchema,
  publishSuccessSchema,
  runSuccessSchema,
} from "./execution.ts";
import { repositorySchema } from "./repository.ts";
import { taskSchema } from "./task.ts";

/** What a publish order carries: everything a worker needs to push without running the agent again. */
export const publishPayloadSchema = z.object({
  executionId: idSchema,
  bundleArtifactId: idSchema,
  baseCommit: commitSchema,
  commit: commitSchema,
  branch: z.string(),
});

/** What a run order carries. `baseBranch` is the branch of a dependency that is not merged yet. */
export const runPayloadSchema = z.object({
  baseBranch: z.string().nullable().default(null),
  /** What a reviewer asked to change, or what an answer said; the agent's next prompt when it resumes. */
  followUp: z.string().nullable().default(null),
  /** Where the follow-up comes from; it tells the agent how to take it. */
  followUpKind: z.enum(["review", "answer"]).optional(),
});

export const workOrderSchema = z
  .object({
    id: idSchema,
    taskId: idSchema,
    kind: workOrderKindSchema,
    queueName: laneSchema,
    status: workOrderStatusSchema,
    attempt: z.number().int().min(0),
    workerId: idSchema.nullable(),
    payload: z.record(z.string(), z.unknown()),
    result: z.record(z.string(), z.unknown()).nullable(),
    errorMessage: z.string().nullable(),
    retryCount: z.number().int(),
    maxRetries: z.number().int(),
    lostLeases: z.number().int(),
    timeoutSeconds: z.number().int(),
    enqueuedAt: timestampSchema,
    availableAt: timestampSchema,
    claimedAt: timestampSchema.nullable(),
    leaseExpiresAt: timestampSchema.nullable(),
    completedAt: timestampSchema.nullable(),
    expiresAt: timestampSchema.nullable(),
  })
  .meta({ id: "WorkOrder" });

export const workOrderListSchema = pageOf("WorkOrderList", workOrderSchema);

export const enqueueSchema = z
  .object({
    taskId: idSchema,
    /** A queued order is given up after this. */
    expiresInSeconds: z.number().int().min(1).max(31_536_000).optional(),
    maxRetries: z.number().int().min(0).max(20).optional(),
    /** Not to be claimed before this many seconds from now. */
    delaySeconds: z.number().int().min(0).max(31_536_000).optional(),
  })
  .meta({ id: "Enqueue" });

export const enqueueBatchSchema = z
  .object({ items: z.array(enqueueSchema).min(1).max(1_000) })
  .meta({ id: "EnqueueBatch" });
export const enqueueBatchReplySchema = z
  .object({
    items: z.array(
      z.object({ taskId: idSchema, workOrderId: idSchema.nullable(), error: z.string().nullable() }),
    ),
  })
  .meta({ id: "EnqueueBatchReply" });

export const claimRequestSchema = z
  .object({
    workerId: idSchema,
    instanceId: idSchema,
    taskTypes: z.array(taskTypeSchema).min(1),
    labels: z.array(labelSchema).max(50).default([]),
    /** Free slots; the reply holds one order, ask again for more. */
    slots: z.number().int().min(1).max(256),
    /** How long the reply may be held back until there is work. */
    waitSeconds: z.number().min(0).max(50).default(25),
  })
  .meta({ id: "ClaimRequest" });

export const claimSchema = z
  .object({
    workOrder: workOrderSchema,
    /** The fencing token: only this attempt may complete, fail, log or upload. */
    attempt: z.number().int().min(1),
    executionId: idSchema,
    /** How long the lease holds from the reply on, in milliseconds. Never a clock time. */
    leaseMs: z.number().int(),
    /**
     * How long the request had been held back when the lease began, in milliseconds. A worker that counts from when it asked can't
     * believe in the lease for too long, however late the reply reaches it.
     */
    waitedMs: z.number().int().min(0).optional(),
    /** Bearer of this attempt, dead with its lease. */
    attemptToken: z.string(),
    task: taskSchema,
    repository: repositorySchema,
    /** Tool classes that need no approval, each with the rule that allows it. */
    preAllowed: z.array(z.object({ toolClass: toolClassSchema, ruleId: z.string() })),
    /** The plan a person agreed to, for tasks that need one before work starts. */
    approvedPlan: z
      .object({ requestId: idSchema, steps: z.array(z.string()) })
      .nullable()
      .optional(),
    checkpoint: checkpointSchema.nullable(),
    /** Id that follows the task through every log. */
    correlationId: z.string(),
  })
  .meta({ id: "Claim" });

const attemptRef = { workOrderId: idSchema, attempt: z.number().int().min(1) };

export const completeSchema = z
  .object({
    ...attemptRef,
    result: z.discriminatedUnion("outcome", [runSuccessSchema, publishSuccessSchema]),
  })
  .meta({ id: "Complete" });
export const failSchema = z.object({ ...attemptRef, result: failureResultSchema }).meta({ id: "Fail" });
export const releaseSchema = z
  .object({ ...attemptRef, reason: z.string().max(2_000) })
  .meta({ id: "Release" });
export const parkSchema = z
  .object({
    ...attemptRef,
    checkpointId: idSchema,
    reason: z.string().max(2_000),
    /** What it waits for. When all of it is settled already, the order goes straight back to the queue with the answers. */
    requestIds: z.array(idSchema).max(100).optional(),
  })
  .meta({ id: "Park" });
export const resumeSchema = z
  .object({ workOrderId: idSchema, answer: z.string().max(100_000) })
  .meta({ id: "Resume" });

/** Where the order and its task stand after the result was taken. A repeat of the same result gets the same answer. */
export const finishedSchema = z
  .object({
    workOrderId: idSchema,
    attempt: z.number().int(),
    status: workOrderStatusSchema,
    taskStatus: z.string(),
    /** When it went back to the queue: milliseconds until it may be claimed. */
    availableInMs: z.number().int().nullable(),
  })
  .meta({ id: "Finished" });

export const laneStatusSchema = z
  .object({
    lane: laneSchema,
    pending: z.number().int(),
    delayed: z.number().int(),
    claimed: z.number().int(),
    parked: z.number().int(),
    /** Age of the oldest claimable order. */
    oldestPendingSeconds: z.number().nullable(),
  })
  .meta({ id: "LaneStatus" });

export const queueStatusSchema = z
  .object({
    lanes: z.array(laneStatusSchema),
    deadLetters: z.number().int(),
    /** Worker requests that wait to be settled, and answers that wait to be delivered. */
    workerRequests: z.number().int(),
    controllerResponses: z.number().int(),
  })
  .meta({ id: "QueueStatus" });

export type WorkOrder = z.infer<typeof workOrderSchema>;
export type PublishPayload = z.infer<typeof publishPayloadSchema>;
export type RunPayload = z.infer<typeof runPayloadSchema>;
export type Enqueue = z.infer<typeof enqueueSchema>;
export type ClaimRequest = z.infer<typeof claimRequestSchema>;
export type ClaimRequestInput = z.input<typeof claimRequestSchema>;
export type Claim = z.infer<typeof claimSchema>;
export type Complete = z.infer<typeof completeSchema>;
export type Fail = z.infer<typeof failSchema>;
export type Release = z.infer<typeof releaseSchema>;
export type Park = z.infer<typeof parkSchema>;
export type Finished = z.infer<typeof finishedSchema>;
export type QueueStatus = z.infer<typeof queueStatusSchema>;
export type LaneStatus = z.infer<typeof laneStatusSchema>;
