import {
  type AnswerScope,
  type AnswerSource,
  type Approval,
  answerScopes,
  answerSources,
  type Citation,
  type EscalationStep,
  liveWorkerRequestStatuses,
  type OnTimeout,
  onTimeouts,
  type PolicyFacts,
  type RequestOption,
  type Usage,
  type WorkerRequestKind,
  type WorkerRequestStatus,
  workerRequestKinds,
  workerRequestStatuses,
} from "@agentvine/contracts";
import { sql } from "drizzle-orm";
import {
  doublePrecision,
  index,
  integer,
  jsonb,
  pgTable,
  text,
  uniqueIndex,
  uuid,
} from "drizzle-orm/pg-core";
import { createdAtColumn, idColumn, isOneOf, momentColumn } from "./columns.ts";
import { repositories } from "./repositories.ts";
import { tasks } from "./tasks.ts";
import { users } from "./users.ts";
import { workOrders } from "./work-orders.ts";

/** For statements that are written out. */
export const liveStatusText = `(${liveWorkerRequestStatuses.map((status) => `'${status}'`).join(", ")})`;
/** A request that can still be answered, as a condition on the table without its name. */
// security: no-raw-sql-of-values because the statuses are words of the contracts
export const isLiveRequest = sql.raw(`status in ${liveStatusText}`);
/** The statuses of such a request, as a list in SQL. */
export const liveStatusList = sql.raw(liveStatusText);

/** What agents ask, how it was routed, and how it was settled. Written before anybody sees it. */
export const workerRequests = pgTable(
  "worker_requests",
  {
    id: idColumn(),
    taskId: uuid("task_id")
      .notNull()
      .references(() => tasks.id, { onDelete: "cascade" }),
    repositoryId: uuid("repository_id")
      .notNull()
      .references(() => repositories.id),
    workOrderId: uuid("work_order_id")
      .notNull()
      .references(() => workOrders.id, { onDelete: "cascade" }),
    executionId: uuid("execution_id").notNull(),
    workerId: uuid("worker_id"),
    attempt: integer("attempt").notNull(),
    /** The worker's name for this question of this attempt. */
    callId: text("call_id").notNull(),
    generation: integer("generation").notNull().default(1),
    kind: text("kind").$type<WorkerRequestKind>().notNull(),
    status: text("status").$type<WorkerRequestStatus>().notNull(),
    /** SHA-256 of what is asked: equal questions and calls have equal fingerprints. */
    fingerprint: text("fingerprint").notNull(),
    /** That of the call that was allowed, when a person changed it. */
    grantedFingerprint: text("granted_fingerprint"),
    /** Equal for what asks the same of the same repository, whichever task; empty for what older versions wrote. */
    alikeGroup: text("alike_group").notNull().default(""),
    question: text("question").notNull(),
    reason: text("reason").notNull().default(""),
    options: jsonb("options").$type<RequestOption[]>().notNull(),
    approval: jsonb("approval").$type<Approval>(),
    /** What the rules saw: another rule set can be judged by it later. */
    facts: jsonb("facts").$type<PolicyFacts>().notNull(),
    ruleId: text("rule_id").notNull(),
    policyVersion: integer("policy_version").notNull(),
    routeReason: text("route_reason").notNull().default(""),
    assignedTo: uuid("assigned_to").references(() => users.id),
    deadlineAt: momentColumn("deadline_at"),
    /** How long it may stay open once people have it, the chain included. */
    deadlineSeconds: integer("deadline_seconds").notNull(),
    onTimeout: text("on_timeout").$type<OnTimeout>().notNull(),
    /** Steps of the chain that are still to come. */
    escalation: jsonb("escalation").$type<EscalationStep[]>().notNull(),
    escalations: integer("escalations").notNull().default(0),
    controllerId: uuid("controller_id"),
    /** SHA-256 of the token of the controller's lease. */
    leaseTokenHash: text("lease_token_hash"),
    leaseExpiresAt: momentColumn("lease_expires_at"),
    /** Leases of controllers that ran out. */
    lostLeases: integer("lost_leases").notNull().default(0),
    answerSource: text("answer_source").$type<AnswerSource>(),
    answerSourceId: text("answer_source_id"),
    answeredBy: text("answered_by").notNull().default(""),
    decision: text("decision").$type<"allow" | "deny">(),
    choice: text("choice"),
    answerText: text("answer_text").notNull().default(""),
    editedCommand: text("edited_command"),
    scope: text("scope").$type<AnswerScope>().notNull().default("once"),
    /** The rule that was proposed with the answer, or why none could be. */
    ruleProposalId: uuid("rule_proposal_id"),
    ruleRefusal: text("rule_refusal").notNull().default(""),
    citations: jsonb("citations").$type<Citation[]>(),
    confidence: doublePrecision("confidence"),
    answerReason: text("answer_reason").notNull().default(""),
    usage: jsonb("usage").$type<Usage>(),
    correlationId: text("correlation_id"),
    raisedAt: createdAtColumn("raised_at"),
    routedAt: momentColumn("routed_at"),
    /** Since when people have it; null when it never came to them. */
    peopleSince: momentColumn("people_since"),
    settledAt: momentColumn("settled_at"),
    deliveredAt: momentColumn("delivered_at"),
    spentAt: momentColumn("spent_at"),
    spentByAttempt: integer("spent_by_attempt"),
  },
  (table) => [
    uniqueIndex("worker_requests_call_key").on(table.workOrderId, table.attempt, table.callId),
    index("worker_requests_task_id_idx").on(table.taskId, table.fingerprint),
    index("worker_requests_granted_idx")
      .on(table.taskId, table.grantedFingerprint)
      .where(sql`granted_fingerprint is not null`),
    index("worker_requests_work_order_id_idx").on(table.workOrderId),
    index("worker_requests_execution_id_idx").on(table.executionId),
    index("worker_requests_repository_id_idx").on(table.repositoryId, table.fingerprint),
    index("worker_requests_status_idx").on(table.status, table.raisedAt),
    index("worker_requests_raised_at_idx").on(table.raisedAt),
    index("worker_requests_assigned_to_idx").on(table.assignedTo).where(sql`assigned_to is not null`),
    index("worker_requests_live_raised_idx").on(table.raisedAt, table.id).where(isLiveRequest),
    index("worker_requests_live_deadline_idx").on(table.deadlineAt).where(isLiveRequest),
    index("worker_requests_live_task_idx").on(table.taskId).where(isLiveRequest),
    index("worker_requests_live_alike_idx").on(table.alikeGroup).where(isLiveRequest),
    index("worker_requests_automated_idx").on(table.raisedAt).where(sql`status = 'automated'`),
    index("worker_requests_undelivered_idx")
      .on(table.settledAt)
      .where(sql`settled_at is not null and delivered_at is null`),
    isOneOf("worker_requests_kind_check", table.kind, workerRequestKinds),
    isOneOf("worker_requests_status_check", table.status, workerRequestStatuses),
    isOneOf("worker_requests_on_timeout_check", table.onTimeout, onTimeouts),
    isOneOf("worker_requests_answer_source_check", table.answerSource, answerSources),
    isOneOf("worker_requests_scope_check", table.scope, answerScopes),
  ],
);
