import { bigint, index, integer, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { createdAtColumn, isOneOf, momentColumn } from "./columns.ts";
import { workOrders } from "./work-orders.ts";
import { workers } from "./workers.ts";

export const workerCommandTypes = ["cancel", "drain", "stop_attempt", "message"] as const;
export type WorkerCommandType = (typeof workerCommandTypes)[number];

/** What the backend wants of a worker, in order; read by long poll and repeated by the heartbeat reply. */
export const workerCommands = pgTable(
  "worker_commands",
  {
    position: bigint("position", { mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
    workerId: uuid("worker_id")
      .notNull()
      .references(() => workers.id, { onDelete: "cascade" }),
    /** The process it is meant for; null means whoever holds the name. */
    instanceId: uuid("instance_id"),
    type: text("type").$type<WorkerCommandType>().notNull(),
    workOrderId: uuid("work_order_id").references(() => workOrders.id, { onDelete: "cascade" }),
    attempt: integer("attempt"),
    reason: text("reason").notNull().default(""),
    createdAt: createdAtColumn(),
    acknowledgedAt: momentColumn("acknowledged_at"),
  },
  (table) => [
    index("worker_commands_worker_id_position_idx").on(table.workerId, table.position),
    index("worker_commands_work_order_id_idx").on(table.workOrderId),
    index("worker_commands_type_idx").on(table.type),
    isOneOf("worker_commands_type_check", table.type, workerCommandTypes),
  ],
);
