import type { StatsSample } from "@agentvine/contracts";
import { index, integer, jsonb, pgTable, primaryKey, text, uuid } from "drizzle-orm/pg-core";
import { createdAtColumn, isOneOf, momentColumn, updatedAtColumn } from "./columns.ts";

export const idempotencyStatuses = ["in_progress", "done"] as const;

/** What an idempotent request was answered, so that its repeat gets the same. */
export const idempotencyKeys = pgTable(
  "idempotency_keys",
  {
    /** Whoever asked, as `kind:id`. */
    actor: text("actor").notNull(),
    /** Method and path pattern. */
    route: text("route").notNull(),
    key: text("key").notNull(),
    /** SHA-256 over path and body. */
    requestHash: text("request_hash").notNull(),
    status: text("status").$type<(typeof idempotencyStatuses)[number]>().notNull(),
    /** Who holds it while in progress: the id of the request, and one of our own. */
    requestId: text("request_id").notNull(),
    /** Id for what the request creates; every try that repeats it gets the same. */
    creationId: uuid("creation_id").notNull().defaultRandom(),
    responseStatus: integer("response_status"),
    response: jsonb("response").$type<unknown>(),
    createdAt: createdAtColumn(),
    /** While in progress: after this the holder counts as dead. */
    heldUntil: momentColumn("held_until").notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.actor, table.route, table.key] }),
    index("idempotency_keys_created_at_idx").on(table.createdAt),
    isOneOf("idempotency_keys_status_check", table.status, idempotencyStatuses),
  ],
);

/** Settings of the installation. */
export const settings = pgTable("settings", {
  key: text("key").primaryKey(),
  value: jsonb("value").$type<unknown>().notNull(),
  updatedAt: updatedAtColumn(),
});

/** State of the queue once a minute. */
export const statsSamples = pgTable("stats_samples", {
  sampledAt: createdAtColumn("sampled_at").primaryKey(),
  lanes: jsonb("lanes").$type<StatsSample["lanes"]>().notNull(),
  claimed: integer("claimed").notNull(),
  completed: integer("completed").notNull(),
  failed: integer("failed").notNull(),
  workersOnline: integer("workers_online").notNull(),
});
