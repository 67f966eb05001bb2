import { type CredentialKind, credentialKinds } from "@agentvine/contracts";
import { sql } from "drizzle-orm";
import { check, index, pgTable, text, uniqueIndex, uuid } from "drizzle-orm/pg-core";
import { createdAtColumn, idColumn, isOneOf, momentColumn, updatedAtColumn } from "./columns.ts";
import { repositories } from "./repositories.ts";
import { users } from "./users.ts";

/** How workers reach private repositories: one credential of each kind per repository, and per host. */
export const credentials = pgTable(
  "credentials",
  {
    id: idColumn(),
    kind: text("kind").$type<CredentialKind>().notNull(),
    repositoryId: uuid("repository_id").references(() => repositories.id, { onDelete: "cascade" }),
    /** With its port when that is not the usual one. */
    host: text("host"),
    /** For tokens. */
    username: text("username"),
    /** Sealed; bound to id, kind, repository and host. */
    sealedValue: text("sealed_value").notNull(),
    /** For SSH keys: lines of a known_hosts file. */
    knownHosts: text("known_hosts"),
    createdBy: uuid("created_by")
      .notNull()
      .references(() => users.id),
    createdAt: createdAtColumn(),
    updatedAt: updatedAtColumn(),
    lastUsedAt: momentColumn("last_used_at"),
  },
  (table) => [
    uniqueIndex("credentials_repository_id_kind_key").on(table.repositoryId, table.kind),
    uniqueIndex("credentials_host_kind_key").on(table.host, table.kind),
    index("credentials_created_by_idx").on(table.createdBy),
    isOneOf("credentials_kind_check", table.kind, credentialKinds),
    check("credentials_place_check", sql`(${table.repositoryId} is null) <> (${table.host} is null)`),
  ],
);

/** Environment variables for the commands that set a repository up and test it. */
export const repositorySecrets = pgTable(
  "repository_secrets",
  {
    id: idColumn(),
    repositoryId: uuid("repository_id")
      .notNull()
      .references(() => repositories.id, { onDelete: "cascade" }),
    name: text("name").notNull(),
    /** Sealed; bound to id, repository and name. */
    sealedValue: text("sealed_value").notNull(),
    createdBy: uuid("created_by")
      .notNull()
      .references(() => users.id),
    createdAt: createdAtColumn(),
    updatedAt: updatedAtColumn(),
    lastUsedAt: momentColumn("last_used_at"),
  },
  (table) => [
    uniqueIndex("repository_secrets_repository_id_name_key").on(table.repositoryId, table.name),
    index("repository_secrets_created_by_idx").on(table.createdBy),
  ],
);
