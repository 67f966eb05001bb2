import type { PolicyRules } from "@agentvine/contracts";
import { sql } from "drizzle-orm";
import { boolean, index, integer, jsonb, pgTable, text, uniqueIndex, uuid } from "drizzle-orm/pg-core";
import { createdAtColumn, momentColumn } from "./columns.ts";
import { users } from "./users.ts";

/** Versions of the policy. A row is never changed but for which of them is active. */
export const policies = pgTable(
  "policies",
  {
    version: integer("version").primaryKey(),
    /** As it was written, comments and all. */
    yaml: text("yaml").notNull(),
    rules: jsonb("rules").$type<PolicyRules>().notNull(),
    /** Null: it came with the program or from a file at the first start. */
    authorId: uuid("author_id").references(() => users.id),
    comment: text("comment").notNull().default(""),
    basedOnVersion: integer("based_on_version"),
    restoresVersion: integer("restores_version"),
    isActive: boolean("is_active").notNull(),
    createdAt: createdAtColumn(),
    activatedAt: momentColumn("activated_at").notNull().defaultNow(),
  },
  (table) => [
    uniqueIndex("policies_active_key").on(table.isActive).where(sql`is_active`),
    index("policies_author_id_idx").on(table.authorId),
  ],
);
