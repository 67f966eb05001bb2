import type { Permission } from "@agentvine/contracts";
import { type AnyPgColumn, index, pgTable, text, uniqueIndex, uuid } from "drizzle-orm/pg-core";
import { createdAtColumn, idColumn, momentColumn } from "./columns.ts";
import { users } from "./users.ts";

/** Keys of machines. Only the SHA-256 of a key is kept. */
export const apiKeys = pgTable(
  "api_keys",
  {
    id: idColumn(),
    name: text("name").notNull(),
    /** The first characters, to recognise it by. */
    prefix: text("prefix").notNull(),
    keyHash: text("key_hash").notNull(),
    permissions: text("permissions").array().$type<Permission[]>().notNull(),
    /** The key it takes the place of. */
    rotatedFromId: uuid("rotated_from_id").references((): AnyPgColumn => apiKeys.id),
    /** The first key of its line, under whose name it acts; null for a first one. */
    lineId: uuid("line_id").references((): AnyPgColumn => apiKeys.id),
    createdBy: uuid("created_by")
      .notNull()
      .references(() => users.id),
    createdAt: createdAtColumn(),
    lastUsedAt: momentColumn("last_used_at"),
    expiresAt: momentColumn("expires_at"),
    revokedAt: momentColumn("revoked_at"),
  },
  (table) => [
    uniqueIndex("api_keys_key_hash_key").on(table.keyHash),
    index("api_keys_created_by_idx").on(table.createdBy),
    index("api_keys_rotated_from_id_idx").on(table.rotatedFromId),
    index("api_keys_line_id_idx").on(table.lineId),
  ],
);
