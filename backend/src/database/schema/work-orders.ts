import {
  type Finished,
  type Lane,
  lanes,
  type WorkOrderKind,
  type WorkOrderStatus,
  workOrderKinds,
  workOrderStatuses,
} from "@agentvine/contracts";
import { sql } from "drizzle-orm";
import { check, index, integer, jsonb, pgTable, text, uniqueIndex, uuid } from "drizzle-orm/pg-core";
import { createdAtColumn, idColumn, isOneOf, momentColumn, objectColumn } from "./columns.ts";
import { tasks } from "./tasks.ts";
import { workers } from "./workers.ts";

/** One dispatch of a task through the queue; holds the lease. Leases, availability and expiry use database time alone. */
export const workOrders = pgTable(
  "work_orders",
  {
    id: idColumn(),
    taskId: uuid("task_id")
      .notNull()
      .references(() => tasks.id, { onDelete: "cascade" }),
    kind: text("kind").$type<WorkOrderKind>().notNull(),
    queueName: text("queue_name").$type<Lane>().notNull(),
    /** What a worker must be able to do to claim it, as JSON; equal requirements have equal text. */
    workType: text("work_type").notNull(),
    status: text("status").$type<WorkOrderStatus>().notNull(),
    /** The task's attempt number of the last claim of this order; 0 before the first. */
    attempt: integer("attempt").notNull().default(0),
    payload: objectColumn("payload"),
    result: jsonb("result").$type<Record<string, unknown>>(),
    /** SHA-256 of the result that was taken, to tell a repeat from a conflict. */
    resultHash: text("result_hash"),
    errorMessage: text("error_message"),
    retryCount: integer("retry_count").notNull().default(0),
    maxRetries: integer("max_retries").notNull(),
    lostLeases: integer("lost_leases").notNull().default(0),
    /** Bounds one execution. */
    timeoutSeconds: integer("timeout_seconds").notNull(),
    enqueuedAt: createdAtColumn("enqueued_at"),
    /** Order of claims, oldest first: the moment of enqueueing moved back by the priority's head start. */
    rankedAt: createdAtColumn("ranked_at"),
    /** Not claimed before this. */
    availableAt: createdAtColumn("available_at"),
    claimedAt: momentColumn("claimed_at"),
    leaseExpiresAt: momentColumn("lease_expires_at"),
    completedAt: momentColumn("completed_at"),
    /** Set when it failed because it was given up (lost too often, out of retries): a person may take it up again. */
    deadLetteredAt: momentColumn("dead_lettered_at"),
    /** A queued order is given up after this. */
    expiresAt: momentColumn("expires_at"),
    workerId: uuid("worker_id").references(() => workers.id, { onDelete: "set null" }),
    workerInstanceId: uuid("worker_instance_id"),
    /** Idempotency key of the claim: a repeat returns the same lease. */
    claimKey: text("claim_key"),
    correlationId: text("correlation_id"),
  },
  (table) => [
    // A claim walks it kind of work by kind of work in rank order; what is not yet available is passed over inside the index.
    index("work_orders_claim_idx")
      .on(table.workType, table.rankedAt, table.availableAt, table.id)
      .where(sql`${table.status} = 'pending'`),
    index("work_orders_dead_letter_idx")
      .on(table.deadLetteredAt)
      .where(sql`${table.deadLetteredAt} is not null`),
    index("work_orders_lease_idx").on(table.leaseExpiresAt).where(sql`${table.status} = 'claimed'`),
    uniqueIndex("work_orders_claim_key_key")
      .on(table.workerId, table.claimKey)
      .where(sql`${table.status} = 'claimed' and ${table.claimKey} is not null`),
    // A task has one live dispatch at most: two workers can never work on it at once.
    uniqueIndex("work_orders_live_task_key")
      .on(table.taskId)
      .where(sql`${table.status} in ('pending', 'claimed', 'parked')`),
    index("work_orders_task_id_idx").on(table.taskId),
    index("work_orders_worker_id_idx").on(table.workerId),
    index("work_orders_queue_name_idx").on(table.queueName),
    index("work_orders_status_idx").on(table.status),
    index("work_orders_kind_idx").on(table.kind),
    index("work_orders_enqueued_at_idx").on(table.enqueuedAt),
    index("work_orders_expires_at_idx").on(table.expiresAt),
    isOneOf("work_orders_kind_check", table.kind, workOrderKinds),
    isOneOf("work_orders_queue_name_check", table.queueName, lanes),
    isOneOf("work_orders_status_check", table.status, workOrderStatuses),
    check(
      "work_orders_lease_check",
      sql`${table.status} <> 'claimed' or (${table.leaseExpiresAt} is not null and ${table.workerId} is not null)`,
    ),
  ],
);

export const workerAssignmentStatuses = [
  "active",
  "completed",
  "failed",
  "cancelled",
  "released",
  "parked",
  "lost",
] as const;
export type WorkerAssignmentStatus = (typeof workerAssignmentStatuses)[number];

/** Which worker held which order, attempt by attempt; keeps the answer that a repeated result gets again. */
export const workerAssignments = pgTable(
  "worker_assignments",
  {
    id: idColumn(),
    workerId: uuid("worker_id")
      .notNull()
      .references(() => workers.id, { onDelete: "cascade" }),
    workOrderId: uuid("work_order_id")
      .notNull()
      .references(() => workOrders.id, { onDelete: "cascade" }),
    attempt: integer("attempt").notNull(),
    status: text("status").$type<WorkerAssignmentStatus>().notNull(),
    /** SHA-256 of the result this attempt handed in. */
    resultHash: text("result_hash"),
    /** What the worker was told when it handed in its result. */
    answer: jsonb("answer").$type<Finished>(),
    assignedAt: createdAtColumn("assigned_at"),
    completedAt: momentColumn("completed_at"),
  },
  (table) => [
    uniqueIndex("worker_assignments_attempt_key").on(table.workerId, table.workOrderId, table.attempt),
    index("worker_assignments_work_order_id_idx").on(table.workOrderId, table.attempt),
    index("worker_assignments_status_idx").on(table.status),
    isOneOf("worker_assignments_status_check", table.status, workerAssignmentStatuses),
  ],
);
