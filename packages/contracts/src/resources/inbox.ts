import { z } from "zod";
import { flagSchema, listOf } from "../pagination.ts";
import { idSchema, timestampSchema } from "../scalars.ts";
import { prioritySchema, taskTypeSchema } from "../vocabulary.ts";

/**
 * What waits for a person: what agents ask, a plan, a result to review, a task that an agent proposed, or one that can't go on because
 * what it waits for failed or was cancelled.
 */
export const inboxKinds = [
  "clarification",
  "question",
  "approval",
  "plan",
  "review",
  "proposed_task",
  "blocked",
] as const;
export const inboxKindSchema = z.enum(inboxKinds).meta({ id: "InboxKind" });
export type InboxKind = z.infer<typeof inboxKindSchema>;

/** One thing that waits for a person. */
export const inboxItemSchema = z
  .object({
    kind: inboxKindSchema,
    /** Of the worker request; of the task for a review, a proposed and a blocked task. */
    id: idSchema,
    taskId: idSchema,
    taskTitle: z.string(),
    taskType: taskTypeSchema,
    taskPriority: prioritySchema,
    repositoryId: idSchema,
    repositoryUrl: z.string(),
    /** What it is about, in a line of at most 500 characters. */
    headline: z.string(),
    /** Since when it waits for people. */
    since: timestampSchema,
    waitedMs: z.number().int().min(0),
    deadlineAt: timestampSchema.nullable(),
    /** The person it was given to; null is everybody. */
    assignedTo: idSchema.nullable(),
    /** Of a worker request: an answer names the one it means. */
    generation: z.number().int().nullable(),
    /** How many other open requests ask the same, 100 at most. */
    alikeCount: z.number().int().min(0),
  })
  .meta({ id: "InboxItem" });

export const inboxSortSchema = z.enum(["urgent", "newest", "oldest"]).meta({ id: "InboxSort" });
export type InboxSort = z.infer<typeof inboxSortSchema>;

export const inboxQuerySchema = z.object({
  kind: listOf(inboxKindSchema).optional(),
  repositoryId: idSchema.optional(),
  taskId: idSchema.optional(),
  priority: listOf(prioritySchema).optional(),
  /** Only what was given to the caller or to nobody in particular; `false`: only what was given to others. */
  isMine: flagSchema.optional(),
  /** `urgent`: by priority, then by deadline, then what waits longest. */
  sort: inboxSortSchema.default("urgent"),
  /** `next` of the page before, asked with the same sort. */
  after: z
    .string()
    .max(300)
    .regex(/^[A-Za-z0-9_-]+$/, "must be the `next` of another page")
    .optional(),
  limit: z.coerce.number().int().min(1).max(100).default(20),
});

export const inboxSchema = z
  .object({
    items: z.array(inboxItemSchema),
    /** Where the next page begins; null on the last. */
    next: z.string().nullable(),
    /** How many of each kind wait, under the same filters but for `kind`. */
    counts: z.record(inboxKindSchema, z.number().int().min(0)),
    /** What waits besides and belongs to no task, whatever the filters. */
    beside: z.object({
      /** Documents that controllers propose. */
      proposedDocuments: z.number().int().min(0),
      /** Rules that were proposed with an answer. */
      proposedRules: z.number().int().min(0),
    }),
  })
  .meta({ id: "Inbox" });

export type InboxItem = z.infer<typeof inboxItemSchema>;
export type InboxQuery = z.infer<typeof inboxQuerySchema>;
export type Inbox = z.infer<typeof inboxSchema>;
