import { type RequestOption, type WorkerRequestKind, workerRequestKinds } from "@agentvine/contracts";
import { sql } from "drizzle-orm";
import { index, integer, jsonb, pgTable, text, uniqueIndex, uuid } from "drizzle-orm/pg-core";
import { createdAtColumn, idColumn, isOneOf, momentColumn } from "./columns.ts";
import { repositories } from "./repositories.ts";
import { users } from "./users.ts";

/** Answers of people that settle the same question of the same repository again. They outlive the request they come from. */
export const precedents = pgTable(
  "precedents",
  {
    id: idColumn(),
    repositoryId: uuid("repository_id")
      .notNull()
      .references(() => repositories.id, { onDelete: "cascade" }),
    kind: text("kind").$type<WorkerRequestKind>().notNull(),
    fingerprint: text("fingerprint").notNull(),
    question: text("question").notNull(),
    options: jsonb("options").$type<RequestOption[]>().notNull(),
    choice: text("choice"),
    text: text("text").notNull(),
    workerRequestId: uuid("worker_request_id").notNull(),
    answeredBy: uuid("answered_by")
      .notNull()
      .references(() => users.id),
    uses: integer("uses").notNull().default(0),
    createdAt: createdAtColumn(),
    revokedAt: momentColumn("revoked_at"),
    revokedBy: uuid("revoked_by").references(() => users.id),
  },
  (table) => [
    // One answer at a time: the newest takes the place of the one before.
    uniqueIndex("precedents_live_key")
      .on(table.repositoryId, table.fingerprint)
      .where(sql`revoked_at is null`),
    index("precedents_repository_id_idx").on(table.repositoryId, table.createdAt),
    index("precedents_answered_by_idx").on(table.answeredBy),
    index("precedents_revoked_by_idx").on(table.revokedBy),
    isOneOf("precedents_kind_check", table.kind, workerRequestKinds),
  ],
);
