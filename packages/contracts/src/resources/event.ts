import { z } from "zod";
import { idSchema, timestampSchema } from "../scalars.ts";

/** Facts in the past tense, written in the transaction that made them true. */
export const eventTypes = [
  "task.created",
  "task.updated",
  "task.blocked",
  "task.unblocked",
  "task.queued",
  "task.claimed",
  "task.waiting",
  "task.answered",
  "task.requeued",
  "task.submitted",
  "task.approved",
  "task.rejected",
  "task.completed",
  "task.failed",
  "task.cancelled",
  "task.deleted",
  "work_order.enqueued",
  "work_order.claimed",
  "work_order.completed",
  "work_order.failed",
  "work_order.cancelled",
  "work_order.expired",
  "work_order.lease_lost",
  "work_order.retried",
  "work_order.released",
  "work_order.parked",
  "work_order.resumed",
  "work_order.buried",
  "work_order.requeued",
  "execution.started",
  "execution.progressed",
  "execution.finished",
  "worker.registered",
  "worker.status_changed",
  "worker.deregistered",
  "repository.created",
  "repository.updated",
  "repository.deleted",
  "worker_request.raised",
  "worker_request.routed",
  "worker_request.adopted",
  "worker_request.answered",
  "worker_request.denied",
  "worker_request.unanswered",
  "worker_request.expired",
  "worker_request.cancelled",
  "worker_request.superseded",
  "worker_request.escalated",
  "worker_request.delegated",
  "worker_request.delivered",
  "worker_request.spent",
  "policy.changed",
  "policy.rule_proposed",
  "policy.rule_dismissed",
  "message.posted",
  "controller.registered",
  "controller.vanished",
] as const;
export const eventTypeSchema = z.enum(eventTypes).meta({ id: "EventType" });
export type EventType = z.infer<typeof eventTypeSchema>;

export const eventSchema = z
  .object({
    id: idSchema,
    /** Strictly rising; no later commit can put an event before it. Resume with `after=<position>`. */
    position: z.number().int().min(1),
    type: eventTypeSchema,
    taskId: idSchema.nullable(),
    workOrderId: idSchema.nullable(),
    executionId: idSchema.nullable(),
    workerId: idSchema.nullable(),
    attempt: z.number().int().nullable(),
    correlationId: z.string().nullable(),
    /** Facts of this type, e.g. `{status, reason}` or the progress. */
    data: z.record(z.string(), z.unknown()),
    occurredAt: timestampSchema,
  })
  .meta({ id: "Event" });

export const eventQuerySchema = z.object({
  after: z.coerce.number().int().min(0).default(0),
  limit: z.coerce.number().int().min(1).max(1_000).default(200),
  taskId: idSchema.optional(),
  executionId: idSchema.optional(),
});

export const eventListSchema = z
  .object({
    items: z.array(eventSchema),
    /** Pass it as `after` next time. */
    next: z.number().int(),
  })
  .meta({ id: "EventList" });

export const timelineSchema = z
  .object({ items: z.array(eventSchema), next: z.number().int() })
  .meta({ id: "Timeline" });

export type Event = z.infer<typeof eventSchema>;
export type EventQuery = z.infer<typeof eventQuerySchema>;
