import { z } from "zod";
import { flagSchema, listOf, orderSchema, pageOf, pageQuerySchema } from "../pagination.ts";
import {
  branchSchema,
  commitSchema,
  idSchema,
  jsonObjectSchema,
  labelSchema,
  textSchema,
  timestampSchema,
  titleSchema,
} from "../scalars.ts";
import {
  executionOutcomeSchema,
  failureKindSchema,
  verificationSchema,
} from "../state-machines/execution-machine.ts";
import { taskStatusSchema } from "../state-machines/task-machine.ts";
import { agentDriverSchema, permissionLevelSchema, prioritySchema, taskTypeSchema } from "../vocabulary.ts";
import { evidenceSchema } from "./evidence.ts";
import { repositoryUrlSchema } from "./repository.ts";

/** The latest result of the task: what an execution handed in, and where it was published. */
export const taskResultSchema = z
  .object({
    outcome: executionOutcomeSchema,
    failure: failureKindSchema.nullable(),
    verification: verificationSchema.nullable(),
    reason: z.string(),
    summary: z.string(),
    executionId: idSchema.nullable(),
    baseCommit: commitSchema.nullable(),
    commit: commitSchema.nullable(),
    branch: z.string().nullable(),
    publishedAt: timestampSchema.nullable(),
    evidence: evidenceSchema.nullable(),
  })
  .meta({ id: "TaskResult" });

/** Which agent the task asks for; nothing named means the worker's own. */
export const taskAgentSchema = z
  .object({ driver: agentDriverSchema.optional(), model: z.string().min(1).max(200).optional() })
  .meta({ id: "TaskAgent" });

/** What bounds one execution of the task. */
export const taskLimitsSchema = z
  .object({
    stepsMax: z.number().int().min(1).max(10_000).optional(),
    tokensMax: z.number().int().min(1).max(1_000_000_000).optional(),
  })
  .meta({ id: "TaskLimits" });

export const taskSchema = z
  .object({
    id: idSchema,
    title: z.string(),
    description: z.string(),
    type: taskTypeSchema,
    permissionLevel: permissionLevelSchema,
    priority: prioritySchema,
    status: taskStatusSchema,
    /** Why it is blocked, failed, or waits; empty when there is nothing to say. */
    statusReason: z.string(),
    repositoryId: idSchema,
    repositoryUrl: z.string(),
    /** Base branch; null is the repository's default branch. */
    branchName: z.string().nullable(),
    issueNumber: z.number().int().nullable(),
    prNumber: z.number().int().nullable(),
    agent: taskAgentSchema,
    limits: taskLimitsSchema,
    requiredLabels: z.array(z.string()),
    timeoutSeconds: z.number().int(),
    context: z.record(z.string(), z.unknown()),
    metadata: z.record(z.string(), z.unknown()),
    createdBy: idSchema,
    assignedTo: idSchema.nullable(),
    parentTaskId: idSchema.nullable(),
    /** The execution whose agent proposed it; null for what people make. It may be gone by now. */
    createdByExecutionId: idSchema.nullable(),
    dependsOn: z.array(idSchema),
    /** Number of the last claim of the task's work; 0 before the first. The fencing token. */
    attempt: z.number().int().min(0),
    /** Executions that ran the agent (publishing is not counted). */
    runs: z.number().int().min(0),
    result: taskResultSchema.nullable(),
    createdAt: timestampSchema,
    updatedAt: timestampSchema,
    startedAt: timestampSchema.nullable(),
    completedAt: timestampSchema.nullable(),
  })
  .meta({ id: "Task" });

export const taskCreateSchema = z
  .object({
    title: titleSchema,
    description: textSchema.default(""),
    type: taskTypeSchema,
    /** Address or path; the repository is registered when it is new. Or give `repositoryId`. */
    repositoryUrl: repositoryUrlSchema.optional(),
    repositoryId: idSchema.optional(),
    branchName: branchSchema.optional(),
    permissionLevel: permissionLevelSchema.default("supervised"),
    priority: prioritySchema.default("normal"),
    issueNumber: z.number().int().min(1).max(2_147_483_647).optional(),
    agent: taskAgentSchema.default({}),
    limits: taskLimitsSchema.default({}),
    requiredLabels: z.array(labelSchema).max(20).default([]),
    timeoutSeconds: z.number().int().min(10).max(86_400).default(3_600),
    context: jsonObjectSchema.default({}),
    metadata: jsonObjectSchema.default({}),
    parentTaskId: idSchema.optional(),
    dependsOn: z.array(idSchema).max(50).default([]),
    /** False leaves it `pending` until `queue/enqueue`. */
    enqueue: z.boolean().default(true),
  })
  .refine((body) => (body.repositoryUrl === undefined) !== (body.repositoryId === undefined), {
    path: ["repositoryUrl"],
    message: "give either repositoryUrl or repositoryId",
  })
  .meta({ id: "TaskCreate" });

/** What may be changed. `status` takes only `cancelled` (cancels) and `queued` (enqueues or retries); other moves are refused. */
export const taskUpdateSchema = z
  .object({
    title: titleSchema,
    description: textSchema,
    priority: prioritySchema,
    permissionLevel: permissionLevelSchema,
    branchName: branchSchema.nullable(),
    context: jsonObjectSchema,
    metadata: jsonObjectSchema,
    status: taskStatusSchema,
  })
  .partial()
  .refine((body) => Object.keys(body).length > 0, { message: "name at least one field to change" })
  .meta({ id: "TaskUpdate" });

/** What an agent may say of work that it found and does not do itself; everything else comes from its own task. */
export const subtaskFieldsSchema = z.object({
  title: titleSchema,
  description: textSchema.max(20_000).default(""),
  type: taskTypeSchema,
});

export const subtaskCreateSchema = subtaskFieldsSchema
  .extend({ workOrderId: idSchema, attempt: z.int32().min(1) })
  .meta({ id: "SubtaskCreate" });

export const subtaskSchema = z
  .object({
    taskId: idSchema,
    title: z.string(),
    type: taskTypeSchema,
    status: taskStatusSchema,
    permissionLevel: permissionLevelSchema,
    /** False when the task was proposed before, by this attempt or an earlier one. */
    isNew: z.boolean(),
  })
  .meta({ id: "Subtask" });

export const taskSortSchema = z.enum(["createdAt", "updatedAt", "priority", "status", "title"]);

export const taskQuerySchema = pageQuerySchema.extend({
  status: listOf(taskStatusSchema).optional(),
  type: listOf(taskTypeSchema).optional(),
  priority: listOf(prioritySchema).optional(),
  repositoryId: idSchema.optional(),
  parentTaskId: idSchema.optional(),
  isLive: flagSchema.optional(),
  /** Words of title or description, or their beginnings; a task must have all of them. */
  search: z.string().max(200).optional(),
  sort: taskSortSchema.default("createdAt"),
  order: orderSchema.default("desc"),
});

export const taskListSchema = pageOf("TaskList", taskSchema);

/** What a person says about one line of a result, as it is after the change. */
export const reviewCommentSchema = z
  .object({
    path: z.string().min(1).max(4_096),
    line: z.int32().min(1),
    text: textSchema.max(4_000).refine((text) => text.trim() !== "", { message: "must not be empty" }),
  })
  .meta({ id: "ReviewComment" });

export const taskReviewSchema = z
  .object({
    decision: z.enum(["approve", "reject"]),
    comment: textSchema.default(""),
    /** On lines of files that the result changes; the agent gets them numbered, with the lines. */
    comments: z.array(reviewCommentSchema).max(100).default([]),
  })
  .refine((body) => body.decision === "approve" || body.comment.trim() !== "" || body.comments.length > 0, {
    path: ["comment"],
    message: "say what to change",
  })
  .meta({ id: "TaskReview" });

export const taskDependencySchema = z
  .object({
    taskId: idSchema,
    dependsOnTaskId: idSchema,
    dependsOnStatus: taskStatusSchema,
    createdAt: timestampSchema,
  })
  .meta({ id: "TaskDependency" });

export const taskDiffSchema = z
  .object({
    taskId: idSchema,
    executionId: idSchema,
    baseCommit: commitSchema,
    commit: commitSchema,
    branch: z.string().nullable(),
    /** Unified diff, at most 4 MiB. */
    patch: z.string(),
    isTruncated: z.boolean(),
  })
  .meta({ id: "TaskDiff" });

export type Task = z.infer<typeof taskSchema>;
export type TaskCreate = z.infer<typeof taskCreateSchema>;
export type TaskCreateInput = z.input<typeof taskCreateSchema>;
export type SubtaskFields = z.input<typeof subtaskFieldsSchema>;
export type SubtaskCreate = z.infer<typeof subtaskCreateSchema>;
export type Subtask = z.infer<typeof subtaskSchema>;
export type TaskUpdate = z.infer<typeof taskUpdateSchema>;
export type TaskQuery = z.infer<typeof taskQuerySchema>;
export type TaskResult = z.infer<typeof taskResultSchema>;
export type ReviewComment = z.infer<typeof reviewCommentSchema>;
export type TaskReview = z.infer<typeof taskReviewSchema>;
export type TaskDependency = z.infer<typeof taskDependencySchema>;
export type TaskDiff = z.infer<typeof taskDiffSchema>;
export type TaskAgent = z.infer<typeof taskAgentSchema>;
export type TaskLimits = z.infer<typeof taskLimitsSchema>;
