import {
  type WorkerCapabilities,
  type WorkerMetrics,
  type WorkerStatus,
  workerStatuses,
} from "@agentvine/contracts";
import {
  bigint,
  doublePrecision,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  uniqueIndex,
  uuid,
} from "drizzle-orm/pg-core";
import { apiKeys } from "./api-keys.ts";
import {
  createdAtColumn,
  idColumn,
  isOneOf,
  momentColumn,
  objectColumn,
  updatedAtColumn,
} from "./columns.ts";

/** Processes that lease work orders. `capabilities` is what the worker advertised; claims match the rows made of it. */
export const workers = pgTable(
  "workers",
  {
    id: idColumn(),
    name: text("name").notNull(),
    /** Its one task type, or `general`. */
    workerType: text("worker_type").notNull(),
    status: text("status").$type<WorkerStatus>().notNull(),
    statusReason: text("status_reason").notNull().default(""),
    version: text("version").notNull(),
    /** Random per process start: an older process under the same name is told to stop. */
    instanceId: uuid("instance_id").notNull(),
    maxConcurrentTasks: integer("max_concurrent_tasks").notNull(),
    /** Orders held now; changed in the statement that claims or frees one. */
    activeCount: integer("active_count").notNull().default(0),
    timeoutSeconds: integer("timeout_seconds").notNull(),
    contextWindowSize: integer("context_window_size"),
    config: objectColumn("config"),
    capabilities: jsonb("capabilities").$type<WorkerCapabilities>().notNull(),
    metrics: jsonb("metrics").$type<WorkerMetrics>(),
    /** The key the worker registered with. */
    apiKeyId: uuid("api_key_id").references(() => apiKeys.id, { onDelete: "set null" }),
    lastHeartbeatAt: momentColumn("last_heartbeat_at"),
    createdAt: createdAtColumn(),
    updatedAt: updatedAtColumn(),
    /** Set when it deregistered: the row stays because executions refer to it. */
    deregisteredAt: momentColumn("deregistered_at"),
  },
  (table) => [
    uniqueIndex("workers_name_key").on(table.name),
    index("workers_worker_type_idx").on(table.workerType),
    index("workers_status_idx").on(table.status),
    index("workers_last_heartbeat_at_idx").on(table.lastHeartbeatAt),
    index("workers_api_key_id_idx").on(table.apiKeyId),
    isOneOf("workers_status_check", table.status, workerStatuses),
  ],
);

export const workerCapabilityKinds = [
  "task_type",
  "label",
  "agent_driver",
  "agent_model",
  "sandbox",
] as const;
export type WorkerCapabilityKind = (typeof workerCapabilityKinds)[number];

/** One thing a worker can do, as claims match it. */
export const workerCapabilities = pgTable(
  "worker_capabilities",
  {
    workerId: uuid("worker_id")
      .notNull()
      .references(() => workers.id, { onDelete: "cascade" }),
    kind: text("kind").$type<WorkerCapabilityKind>().notNull(),
    value: text("value").notNull(),
    createdAt: createdAtColumn(),
  },
  (table) => [
    primaryKey({ columns: [table.workerId, table.kind, table.value] }),
    index("worker_capabilities_kind_value_idx").on(table.kind, table.value),
    isOneOf("worker_capabilities_kind_check", table.kind, workerCapabilityKinds),
  ],
);

/** A worker's load once a minute. */
export const workerSamples = pgTable(
  "worker_samples",
  {
    workerId: uuid("worker_id")
      .notNull()
      .references(() => workers.id, { onDelete: "cascade" }),
    sampledAt: createdAtColumn("sampled_at"),
    activeCount: integer("active_count").notNull(),
    loadAverage: doublePrecision("load_average").notNull(),
    memoryUsedBytes: bigint("memory_used_bytes", { mode: "number" }).notNull(),
    diskFreeBytes: bigint("disk_free_bytes", { mode: "number" }).notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.workerId, table.sampledAt] }),
    index("worker_samples_sampled_at_idx").on(table.sampledAt),
  ],
);
