import type { ControllerMetrics } from "@agentvine/contracts";
import { boolean, index, jsonb, pgTable, text, uniqueIndex, uuid } from "drizzle-orm/pg-core";
import { createdAtColumn, idColumn, momentColumn } from "./columns.ts";

/** Processes that answer what rules route to a model. */
export const controllers = pgTable(
  "controllers",
  {
    id: idColumn(),
    name: text("name").notNull(),
    /** The process that holds the name now. */
    instanceId: uuid("instance_id").notNull(),
    apiKeyId: uuid("api_key_id"),
    isOnline: boolean("is_online").notNull().default(true),
    version: text("version").notNull(),
    model: text("model"),
    isScripted: boolean("is_scripted").notNull().default(false),
    metrics: jsonb("metrics").$type<ControllerMetrics>(),
    fault: text("fault").notNull().default(""),
    registeredAt: createdAtColumn("registered_at"),
    lastHeartbeatAt: momentColumn("last_heartbeat_at"),
  },
  (table) => [
    uniqueIndex("controllers_name_key").on(table.name),
    index("controllers_is_online_idx").on(table.isOnline),
  ],
);
