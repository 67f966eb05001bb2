import { z } from "zod";
import { flagSchema, listOf, orderSchema, pageOf, pageQuerySchema } from "../pagination.ts";
import { idSchema, timestampSchema } from "../scalars.ts";
import { workerRequestStatusSchema } from "../state-machines/worker-request-machine.ts";
import { permissionLevelSchema, prioritySchema, taskTypeSchema, toolClassSchema } from "../vocabulary.ts";
import { usageSchema } from "./execution.ts";

export const workerRequestKinds = ["clarification", "question", "approval"] as const;
export const workerRequestKindSchema = z.enum(workerRequestKinds).meta({ id: "WorkerRequestKind" });
export type WorkerRequestKind = z.infer<typeof workerRequestKindSchema>;

/** What an approval is asked for: a call of a tool, or the plan of a task that only starts once a person agrees. */
export const approvalSubjects = ["tool_call", "plan"] as const;
export const approvalSubjectSchema = z.enum(approvalSubjects).meta({ id: "ApprovalSubject" });
export type ApprovalSubject = z.infer<typeof approvalSubjectSchema>;

/** Who settled it: a rule, an earlier answer of a person, a controller's model, a person, or its deadline. */
export const answerSources = ["rule", "precedent", "controller", "person", "deadline", "system"] as const;
export const answerSourceSchema = z.enum(answerSources).meta({ id: "AnswerSource" });
export type AnswerSource = z.infer<typeof answerSourceSchema>;

/**
 * How far an answer to an approval reaches: this call, or this task as long as it lives. `rule` reaches as far as `once` and proposes a
 * rule, which decides nothing until somebody accepts it.
 */
export const answerScopes = ["once", "task", "rule"] as const;
export const answerScopeSchema = z.enum(answerScopes).meta({ id: "AnswerScope" });
export type AnswerScope = z.infer<typeof answerScopeSchema>;

const noNul = (text: string): boolean => !text.includes("\u0000");
const nulMessage = { message: "must not hold a NUL character" };
const boundedText = (max: number) => z.string().max(max).refine(noNul, nulMessage);

/** One of the answers the agent offers. An answer names its `id`. */
export const requestOptionSchema = z
  .object({
    id: z
      .string()
      .min(1)
      .max(100)
      .regex(/^[a-zA-Z0-9_.:-]+$/, "letters, digits and . _ : - only"),
    label: boundedText(500).refine((label) => label.trim() !== "", { message: "must not be empty" }),
    description: boundedText(2_000).default(""),
  })
  .meta({ id: "RequestOption" });

/** What exactly is to be approved, in typed fields: people and rules judge these, never prose of the agent. */
export const approvalSchema = z
  .object({
    subject: approvalSubjectSchema,
    /** Name of the tool, `plan` for a plan. */
    tool: z.string().min(1).max(200),
    toolClass: toolClassSchema,
    /** As the agent passed them; at most 256 KiB once serialised. */
    arguments: z
      .record(z.string(), z.unknown())
      .refine((value) => JSON.stringify(value).length <= 262_144, { message: "must be at most 256 KiB" })
      .refine((value) => !JSON.stringify(value).includes("\\u0000"), nulMessage),
    /** The shell line, when the tool runs one. */
    command: boundedText(20_000).nullable(),
    /** What it reads or writes, relative to the workspace; absolute when outside. */
    paths: z.array(boundedText(4_096)).max(1_000),
    /** What would change, as a unified diff; cut at 64 KiB. */
    diff: boundedText(65_536).nullable().default(null),
    /** The steps, for a plan. */
    steps: z.array(boundedText(2_000)).max(200).default([]),
  })
  .meta({ id: "Approval" });

/** What an answer rests on: a context document of a certain version, or an earlier answer. */
export const citationSchema = z
  .object({
    kind: z.enum(["document", "precedent"]),
    id: idSchema,
    version: z.number().int().min(1).nullable(),
    title: z.string().max(300),
    quote: z.string().max(2_000).default(""),
  })
  .meta({ id: "Citation" });

/** How a worker request was settled, by whom and why. */
export const requestAnswerSchema = z
  .object({
    source: answerSourceSchema,
    /** Id of the rule, precedent, controller or person. */
    sourceId: z.string().nullable(),
    /** Name for people. */
    by: z.string(),
    /** Set for approvals. */
    decision: z.enum(["allow", "deny"]).nullable(),
    /** Id of the option chosen. */
    choice: z.string().nullable(),
    text: z.string(),
    /** The shell line to run instead, when a person allowed a changed one. */
    editedCommand: z.string().nullable(),
    scope: answerScopeSchema,
    /** What became of the wish for a rule: the proposal, or why there can be none. Null when none was wished for. */
    ruleProposal: z.object({ id: idSchema.nullable(), refusal: z.string() }).nullable(),
    citations: z.array(citationSchema),
    /** 0 to 1; only of a model. */
    confidence: z.number().min(0).max(1).nullable(),
    /** Why: the rule's words, the person's comment, or what kept it from being answered. */
    reason: z.string(),
    usage: usageSchema.nullable(),
    answeredAt: timestampSchema,
  })
  .meta({ id: "RequestAnswer" });

export const onTimeouts = ["deny", "no_answer", "escalate"] as const;
export const onTimeoutSchema = z.enum(onTimeouts).meta({ id: "OnTimeout" });
export type OnTimeout = z.infer<typeof onTimeoutSchema>;

export const workerRequestSchema = z
  .object({
    id: idSchema,
    taskId: idSchema,
    taskTitle: z.string(),
    taskType: taskTypeSchema,
    taskPriority: prioritySchema,
    permissionLevel: permissionLevelSchema,
    repositoryId: idSchema,
    repositoryUrl: z.string(),
    workOrderId: idSchema,
    executionId: idSchema,
    /** The attempt it belongs to now; a later attempt that asks the same adopts it. */
    attempt: z.number().int().min(1),
    workerName: z.string(),
    /** Rises when the next attempt adopts it or when what a person sees changes; an answer names the one it means. */
    generation: z.number().int().min(1),
    kind: workerRequestKindSchema,
    status: workerRequestStatusSchema,
    question: z.string(),
    /** Why the agent asks. */
    reason: z.string(),
    options: z.array(requestOptionSchema),
    approval: approvalSchema.nullable(),
    /** The rule that routed it, of which version of the policy, and its words. */
    ruleId: z.string(),
    policyVersion: z.number().int(),
    routeReason: z.string(),
    /** The person it was given to; null is everybody who may answer. */
    assignedTo: idSchema.nullable(),
    /** How often its deadline was passed on to the next of the escalation chain. */
    escalations: z.number().int().min(0),
    deadlineAt: timestampSchema.nullable(),
    onTimeout: onTimeoutSchema,
    /** True while the execution waits parked: its slot is free. */
    isParked: z.boolean(),
    /** Where it is told; null for what a rule settled as it was raised. */
    conversationId: idSchema.nullable(),
    answer: requestAnswerSchema.nullable(),
    raisedAt: timestampSchema,
    settledAt: timestampSchema.nullable(),
    deliveredAt: timestampSchema.nullable(),
    /** When the approval was used; it is used once. */
    spentAt: timestampSchema.nullable(),
    /** From raised to settled, or until now. */
    waitedMs: z.number().int().min(0),
    /** The part of it since people had it; 0 when it never came to them. */
    waitedForPeopleMs: z.number().int().min(0),
    /** The same for all that ask the same of the same repository; empty for requests of older versions. */
    alikeGroup: z.string(),
    /** How many others of the group are open, 100 at most; 0 once it is settled. */
    alikeCount: z.number().int().min(0),
  })
  .meta({ id: "WorkerRequest" });

const attemptRef = { workOrderId: idSchema, attempt: z.number().int().min(1) };

/** Largest question: an agent that asks more than this is told to be brief. */
export const questionCharactersMax = 20_000;
/** Largest text that goes with a question. */
export const reasonCharactersMax = 4_000;

export const requestRaiseSchema = z
  .object({
    ...attemptRef,
    /** Chosen by the worker, one per question of this attempt: a repeat with the same one gets the same request. */
    callId: z.string().min(1).max(200),
    kind: workerRequestKindSchema,
    question: boundedText(questionCharactersMax).refine((text) => text.trim() !== "", {
      message: "must not be empty",
    }),
    reason: boundedText(reasonCharactersMax).default(""),
    options: z.array(requestOptionSchema).max(20).default([]),
    approval: approvalSchema.nullable().default(null),
  })
  .refine((body) => (body.kind === "approval") === (body.approval !== null), {
    path: ["approval"],
    message: "an approval carries what is to be approved, and nothing else does",
  })
  .refine((body) => new Set(body.options.map(({ id }) => id)).size === body.options.length, {
    path: ["options"],
    message: "each option needs an id of its own",
  })
  .meta({ id: "RequestRaise" });

export const requestWaitQuerySchema = z.object({
  workOrderId: idSchema,
  attempt: z.coerce.number().int().min(1),
  /** How long the reply may be held back until it is settled. */
  waitSeconds: z.coerce.number().min(0).max(45).default(25),
});

/** The call that is about to run; it must be the one that was allowed. */
export const requestSpendSchema = z
  .object({
    ...attemptRef,
    tool: z.string().min(1).max(200),
    arguments: z.record(z.string(), z.unknown()),
  })
  .meta({ id: "RequestSpend" });

export const requestWithdrawSchema = z
  .object({ ...attemptRef, reason: z.string().max(2_000) })
  .meta({ id: "RequestWithdraw" });

const answerFields = {
  /** For approvals. */
  decision: z.enum(["allow", "deny"]).optional(),
  /** Id of an offered option. */
  choice: z.string().max(100).optional(),
  text: boundedText(20_000).default(""),
  /** Allows this shell line instead of the one asked for. */
  editedCommand: boundedText(20_000).optional(),
  scope: answerScopeSchema.default("once"),
  /** Said to the agent with a denial, kept with an allowance. */
  comment: boundedText(4_000).default(""),
};

/** A person's answer. `generation` is the one the person saw. */
export const requestAnswerInputSchema = z
  .object({ generation: z.number().int().min(1), ...answerFields })
  .meta({ id: "RequestAnswerInput" });

export const bulkAnswerSchema = z
  .object({
    requests: z
      .array(z.object({ id: idSchema, generation: z.number().int().min(1) }))
      .min(1)
      .max(100),
    ...answerFields,
  })
  .meta({ id: "BulkAnswer" });
export const bulkAnswerReplySchema = z
  .object({
    items: z.array(
      z.object({
        id: idSchema,
        request: workerRequestSchema.nullable(),
        error: z.object({ code: z.string(), message: z.string() }).nullable(),
      }),
    ),
  })
  .meta({ id: "BulkAnswerReply" });

export const requestDelegateSchema = z
  .object({ assignedTo: idSchema.nullable(), comment: boundedText(4_000).default("") })
  .meta({ id: "RequestDelegate" });

export const requestSortSchema = z.enum(["raisedAt", "deadlineAt", "priority"]);
export const workerRequestQuerySchema = pageQuerySchema.extend({
  status: listOf(workerRequestStatusSchema).optional(),
  kind: listOf(workerRequestKindSchema).optional(),
  isLive: flagSchema.optional(),
  isOverdue: flagSchema.optional(),
  taskId: idSchema.optional(),
  repositoryId: idSchema.optional(),
  /** A person's id, or `me`. */
  assignedTo: z.string().max(100).optional(),
  /** Only what was given to the caller or to nobody in particular; `false`: only what was given to others. */
  isMine: flagSchema.optional(),
  /** The others that are open and ask the same of the same repository as this request. */
  alikeTo: idSchema.optional(),
  search: z.string().max(200).optional(),
  sort: requestSortSchema.default("raisedAt"),
  order: orderSchema.default("desc"),
});
export const workerRequestListSchema = pageOf("WorkerRequestList", workerRequestSchema);
export type WorkerRequestList = z.infer<typeof workerRequestListSchema>;

export type WorkerRequest = z.infer<typeof workerRequestSchema>;
export type RequestOption = z.infer<typeof requestOptionSchema>;
export type Approval = z.infer<typeof approvalSchema>;
export type Citation = z.infer<typeof citationSchema>;
export type RequestAnswer = z.infer<typeof requestAnswerSchema>;
export type RequestRaise = z.infer<typeof requestRaiseSchema>;
export type RequestRaiseInput = z.input<typeof requestRaiseSchema>;
export type RequestSpend = z.infer<typeof requestSpendSchema>;
export type RequestAnswerInput = z.infer<typeof requestAnswerInputSchema>;
/** The same as it is sent: what has a default may be left out. */
export type RequestAnswerBody = z.input<typeof requestAnswerInputSchema>;
export type RequestDelegate = z.infer<typeof requestDelegateSchema>;
export type BulkAnswerReply = z.infer<typeof bulkAnswerReplySchema>;
export type BulkAnswer = z.infer<typeof bulkAnswerSchema>;
export type WorkerRequestQuery = z.infer<typeof workerRequestQuerySchema>;
