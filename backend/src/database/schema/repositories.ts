import type { RepositorySettings } from "@agentvine/contracts";
import { sql } from "drizzle-orm";
import { index, jsonb, pgTable, text, uniqueIndex } from "drizzle-orm/pg-core";
import { createdAtColumn, idColumn, updatedAtColumn } from "./columns.ts";

/** Git repositories. Every spelling of one repository has the same `canonicalKey`. */
export const repositories = pgTable(
  "repositories",
  {
    id: idColumn(),
    canonicalKey: text("canonical_key").notNull(),
    url: text("url").notNull(),
    name: text("name").notNull(),
    defaultBranch: text("default_branch"),
    settings: jsonb("settings").$type<RepositorySettings>().notNull(),
    /** Hosts that the test environment may reach. */
    egress: text("egress").array().notNull().default(sql`'{}'::text[]`),
    createdAt: createdAtColumn(),
    updatedAt: updatedAtColumn(),
  },
  (table) => [
    uniqueIndex("repositories_canonical_key_key").on(table.canonicalKey),
    index("repositories_name_idx").on(table.name),
  ],
);
