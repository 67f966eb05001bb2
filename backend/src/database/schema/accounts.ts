import { type Role, roles } from "@agentvine/contracts";
import {
  customType,
  index,
  integer,
  pgTable,
  primaryKey,
  text,
  uniqueIndex,
  uuid,
} from "drizzle-orm/pg-core";
import { createdAtColumn, idColumn, isOneOf, momentColumn } from "./columns.ts";
import { users } from "./users.ts";

const bytesColumn = customType<{ data: Buffer; driverData: Buffer }>({ dataType: () => "bytea" });

/** Somebody who signed in: one browser or program, until it signs out. The family of its refresh tokens. */
export const sessions = pgTable(
  "sessions",
  {
    id: idColumn(),
    userId: uuid("user_id")
      .notNull()
      .references(() => users.id),
    userAgent: text("user_agent").notNull(),
    address: text("address").notNull(),
    createdAt: createdAtColumn(),
    lastUsedAt: createdAtColumn("last_used_at"),
    /** When the password was given last. */
    authenticatedAt: createdAtColumn("authenticated_at"),
    /** After this it ends, however much it is used. */
    expiresAt: momentColumn("expires_at").notNull(),
    endedAt: momentColumn("ended_at"),
    endReason: text("end_reason"),
  },
  (table) => [
    index("sessions_user_id_idx").on(table.userId),
    index("sessions_expires_at_idx").on(table.expiresAt),
  ],
);

/** Refresh tokens of a session; only the SHA-256 is kept. */
export const refreshTokens = pgTable(
  "refresh_tokens",
  {
    id: idColumn(),
    sessionId: uuid("session_id")
      .notNull()
      .references(() => sessions.id, { onDelete: "cascade" }),
    tokenHash: text("token_hash").notNull(),
    createdAt: createdAtColumn(),
    expiresAt: momentColumn("expires_at").notNull(),
    usedAt: momentColumn("used_at"),
    /** With the token itself it gives its successor: whoever lost the answer, or asked twice at once, gets the same again. */
    successorSalt: bytesColumn("successor_salt"),
  },
  (table) => [
    uniqueIndex("refresh_tokens_token_hash_key").on(table.tokenHash),
    index("refresh_tokens_session_id_idx").on(table.sessionId),
  ],
);

export const authTokenPurposes = ["set_up", "invitation", "reset_password", "verify_email"] as const;
export type AuthTokenPurpose = (typeof authTokenPurposes)[number];

/** What the one-time links of accounts carry; only the SHA-256 is kept. */
export const authTokens = pgTable(
  "auth_tokens",
  {
    id: idColumn(),
    purpose: text("purpose").$type<AuthTokenPurpose>().notNull(),
    tokenHash: text("token_hash").notNull(),
    /** Null for who has no account yet. */
    userId: uuid("user_id").references(() => users.id, { onDelete: "cascade" }),
    /** The address it was made for; it is worthless once the user has another. */
    email: text("email"),
    /** What an invitation makes of who comes by it. */
    role: text("role").$type<Role>(),
    createdBy: uuid("created_by").references(() => users.id),
    createdAt: createdAtColumn(),
    expiresAt: momentColumn("expires_at").notNull(),
    usedAt: momentColumn("used_at"),
  },
  (table) => [
    uniqueIndex("auth_tokens_token_hash_key").on(table.tokenHash),
    index("auth_tokens_user_id_idx").on(table.userId),
    index("auth_tokens_created_by_idx").on(table.createdBy),
    index("auth_tokens_expires_at_idx").on(table.expiresAt),
    isOneOf("auth_tokens_purpose_check", table.purpose, authTokenPurposes),
    isOneOf("auth_tokens_role_check", table.role, roles),
  ],
);

/** Wrong passwords, by what was tried and from where: both as a keyed hash, for what is typed into the name may be a password. */
export const loginFailures = pgTable(
  "login_failures",
  {
    key: text("key").primaryKey(),
    failures: integer("failures").notNull(),
    lastFailedAt: createdAtColumn("last_failed_at"),
  },
  (table) => [index("login_failures_last_failed_at_idx").on(table.lastFailedAt)],
);

/** Where a user has signed in from: there, strangers who guess the password elsewhere lock nobody out. */
export const loginAddresses = pgTable(
  "login_addresses",
  {
    userId: uuid("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    /** The block of addresses that one customer of a network has. */
    addressBlock: text("address_block").notNull(),
    lastUsedAt: createdAtColumn("last_used_at"),
  },
  (table) => [primaryKey({ columns: [table.userId, table.addressBlock] })],
);
