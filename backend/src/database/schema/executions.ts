import {
  type ArtifactKind,
  artifactKinds,
  type Evidence,
  type ExecutionMetrics,
  type ExecutionPhase,
  type ExecutionStatus,
  executionPhases,
  executionStatuses,
  type FailureKind,
  failureKinds,
  type LogLevel,
  type LogLine,
  logLevels,
  type SandboxDriver,
  sandboxDrivers,
  type Verification,
  verifications,
  type WorkOrderKind,
  workOrderKinds,
} from "@agentvine/contracts";
import {
  bigint,
  boolean,
  doublePrecision,
  index,
  integer,
  jsonb,
  pgTable,
  text,
  uniqueIndex,
  uuid,
} from "drizzle-orm/pg-core";
import { createdAtColumn, idColumn, isOneOf, momentColumn, objectColumn } from "./columns.ts";
import { tasks } from "./tasks.ts";
import { workOrders } from "./work-orders.ts";
import { workers } from "./workers.ts";

/** One attempt of a worker at a work order. */
export const executions = pgTable(
  "executions",
  {
    id: idColumn(),
    taskId: uuid("task_id")
      .notNull()
      .references(() => tasks.id, { onDelete: "cascade" }),
    workOrderId: uuid("work_order_id")
      .notNull()
      .references(() => workOrders.id, { onDelete: "cascade" }),
    workerId: uuid("worker_id")
      .notNull()
      .references(() => workers.id),
    kind: text("kind").$type<WorkOrderKind>().notNull(),
    attempt: integer("attempt").notNull(),
    status: text("status").$type<ExecutionStatus>().notNull(),
    phase: text("phase").$type<ExecutionPhase>(),
    failure: text("failure").$type<FailureKind>(),
    verification: text("verification").$type<Verification>(),
    reason: text("reason").notNull().default(""),
    summary: text("summary").notNull().default(""),
    exitCode: integer("exit_code"),
    sandbox: text("sandbox").$type<SandboxDriver>().notNull(),
    agent: text("agent").notNull(),
    isScripted: boolean("is_scripted").notNull().default(false),
    resumedFromAttempt: integer("resumed_from_attempt"),
    metrics: jsonb("metrics").$type<ExecutionMetrics>(),
    evidence: jsonb("evidence").$type<Evidence>(),
    baseCommit: text("base_commit"),
    commit: text("commit"),
    branch: text("branch"),
    /** The last 64 KiB of each stream. */
    stdoutLog: text("stdout_log").notNull().default(""),
    stderrLog: text("stderr_log").notNull().default(""),
    /** Bytes of the log stream taken so far: where the next chunk must start. */
    logBytes: bigint("log_bytes", { mode: "number" }).notNull().default(0),
    isLogFull: boolean("is_log_full").notNull().default(false),
    correlationId: text("correlation_id"),
    startedAt: createdAtColumn("started_at"),
    completedAt: momentColumn("completed_at"),
    durationSeconds: doublePrecision("duration_seconds"),
  },
  (table) => [
    // The fencing token: a number is never used twice for one task.
    uniqueIndex("executions_task_id_attempt_key").on(table.taskId, table.attempt),
    index("executions_work_order_id_idx").on(table.workOrderId),
    index("executions_worker_id_idx").on(table.workerId),
    index("executions_status_idx").on(table.status),
    index("executions_kind_idx").on(table.kind),
    index("executions_started_at_idx").on(table.startedAt),
    isOneOf("executions_kind_check", table.kind, workOrderKinds),
    isOneOf("executions_status_check", table.status, executionStatuses),
    isOneOf("executions_phase_check", table.phase, executionPhases),
    isOneOf("executions_failure_check", table.failure, failureKinds),
    isOneOf("executions_verification_check", table.verification, verifications),
    isOneOf("executions_sandbox_check", table.sandbox, sandboxDrivers),
  ],
);

export const logSources = [
  "worker",
  "agent",
  "tool",
  "command",
  "gate",
  "git",
] as const satisfies readonly LogLine["source"][];
export const logStreams = ["stdout", "stderr"] as const satisfies readonly LogLine["stream"][];

/** Lines of the log stream, for search and paging. `id` is the cursor. */
export const executionLogs = pgTable(
  "execution_logs",
  {
    id: bigint("id", { mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
    executionId: uuid("execution_id")
      .notNull()
      .references(() => executions.id, { onDelete: "cascade" }),
    level: text("level").$type<LogLevel>().notNull(),
    source: text("source").$type<LogLine["source"]>().notNull(),
    stream: text("stream").$type<LogLine["stream"]>().notNull(),
    message: text("message").notNull(),
    metadata: objectColumn("metadata"),
    loggedAt: createdAtColumn("logged_at"),
  },
  (table) => [
    index("execution_logs_cursor_idx").on(table.executionId, table.id),
    index("execution_logs_level_idx").on(table.executionId, table.level, table.loggedAt),
    isOneOf("execution_logs_level_check", table.level, logLevels),
    isOneOf("execution_logs_source_check", table.source, logSources),
    isOneOf("execution_logs_stream_check", table.stream, logStreams),
  ],
);

/** Bytes in the blob store, found by their SHA-256. Stored once however many artifacts hold them. */
export const blobs = pgTable("blobs", {
  digest: text("digest").primaryKey(),
  sizeBytes: bigint("size_bytes", { mode: "number" }).notNull(),
  createdAt: createdAtColumn(),
});

/** A file an execution left behind. The same name again replaces it. */
export const artifacts = pgTable(
  "artifacts",
  {
    id: idColumn(),
    executionId: uuid("execution_id")
      .notNull()
      .references(() => executions.id, { onDelete: "cascade" }),
    taskId: uuid("task_id")
      .notNull()
      .references(() => tasks.id, { onDelete: "cascade" }),
    kind: text("kind").$type<ArtifactKind>().notNull(),
    name: text("name").notNull(),
    contentType: text("content_type").notNull(),
    sizeBytes: bigint("size_bytes", { mode: "number" }).notNull(),
    digest: text("digest")
      .notNull()
      .references(() => blobs.digest),
    createdAt: createdAtColumn(),
  },
  (table) => [
    uniqueIndex("artifacts_execution_id_name_key").on(table.executionId, table.name),
    index("artifacts_task_id_idx").on(table.taskId),
    index("artifacts_digest_idx").on(table.digest),
    index("artifacts_kind_idx").on(table.kind),
    isOneOf("artifacts_kind_check", table.kind, artifactKinds),
  ],
);

/** A point an execution can be taken up from, by any worker. */
export const checkpoints = pgTable(
  "checkpoints",
  {
    id: idColumn(),
    taskId: uuid("task_id")
      .notNull()
      .references(() => tasks.id, { onDelete: "cascade" }),
    executionId: uuid("execution_id")
      .notNull()
      .references(() => executions.id, { onDelete: "cascade" }),
    attempt: integer("attempt").notNull(),
    step: integer("step").notNull(),
    driver: text("driver").notNull(),
    baseCommit: text("base_commit").notNull(),
    transcriptArtifactId: uuid("transcript_artifact_id")
      .notNull()
      .references(() => artifacts.id, { onDelete: "cascade" }),
    snapshotArtifactId: uuid("snapshot_artifact_id").references(() => artifacts.id, { onDelete: "cascade" }),
    data: objectColumn("data"),
    createdAt: createdAtColumn(),
  },
  (table) => [
    index("checkpoints_task_id_idx").on(table.taskId, table.attempt, table.step),
    index("checkpoints_execution_id_idx").on(table.executionId),
    index("checkpoints_transcript_artifact_id_idx").on(table.transcriptArtifactId),
    index("checkpoints_snapshot_artifact_id_idx").on(table.snapshotArtifactId),
  ],
);
