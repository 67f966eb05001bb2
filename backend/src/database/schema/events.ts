import { type EventType, eventTypes } from "@agentvine/contracts";
import { sql } from "drizzle-orm";
import { bigint, index, integer, pgTable, text, uniqueIndex, uuid } from "drizzle-orm/pg-core";
import { createdAtColumn, idColumn, isOneOf, objectColumn, xidColumn } from "./columns.ts";

/**
 * Facts, written in the transaction that made them true. `position` is given later, only to events that no later commit can
 * precede. No foreign keys: events outlive what they tell about.
 */
export const events = pgTable(
  "events",
  {
    id: idColumn(),
    position: bigint("position", { mode: "number" }),
    /** The transaction that wrote it. */
    xid: xidColumn("xid").notNull().default(sql`pg_current_xact_id()`),
    type: text("type").$type<EventType>().notNull(),
    taskId: uuid("task_id"),
    workOrderId: uuid("work_order_id"),
    executionId: uuid("execution_id"),
    workerId: uuid("worker_id"),
    attempt: integer("attempt"),
    correlationId: text("correlation_id"),
    data: objectColumn("data"),
    occurredAt: createdAtColumn("occurred_at"),
  },
  (table) => [
    // Each event is written twice, the second time with its position: an index that leaves out those without one costs half.
    uniqueIndex("events_position_key").on(table.position).where(sql`${table.position} is not null`),
    index("events_unpositioned_idx").on(table.xid, table.id).where(sql`${table.position} is null`),
    index("events_task_id_idx").on(table.taskId, table.position).where(sql`${table.position} is not null`),
    index("events_execution_id_idx")
      .on(table.executionId, table.position)
      .where(sql`${table.position} is not null and ${table.executionId} is not null`),
    // A few pages however many events there are: they lie on the disk in the order of their time.
    index("events_occurred_at_idx").using("brin", table.occurredAt),
    isOneOf("events_type_check", table.type, eventTypes),
  ],
);
