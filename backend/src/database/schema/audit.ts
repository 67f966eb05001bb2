import { type AuditAction, type AuditActorKind, auditActorKinds, auditSealKinds } from "@agentvine/contracts";
import { sql } from "drizzle-orm";
import { bigint, check, index, jsonb, pgTable, text, timestamp, uniqueIndex } from "drizzle-orm/pg-core";
import { idColumn, isOneOf } from "./columns.ts";

/** To the millisecond, as JavaScript reads it back: what is sealed must be what is read. */
const exactMoment = (name: string) =>
  timestamp(name, { withTimezone: true, mode: "date", precision: 3 }).notNull().defaultNow();

/**
 * Who did what, from where and when. Rows are only ever added: triggers refuse every change but that the sealing gives an entry its
 * position, and every removal but what a removal seal states. No foreign keys: an entry outlives what it tells of.
 */
export const auditLog = pgTable(
  "audit_log",
  {
    id: idColumn(),
    /** Place in the sealed order, without gaps; null until sealed. */
    position: bigint("position", { mode: "number" }),
    occurredAt: exactMoment("occurred_at"),
    /** A word of the contracts. They grow with the program, hence only their form is checked here. */
    action: text("action").$type<AuditAction>().notNull(),
    actorKind: text("actor_kind").$type<AuditActorKind>().notNull(),
    actorId: text("actor_id"),
    userId: text("user_id"),
    actorName: text("actor_name"),
    address: text("address"),
    userAgent: text("user_agent"),
    requestId: text("request_id"),
    targetType: text("target_type").notNull(),
    targetId: text("target_id"),
    before: jsonb("before").$type<Record<string, unknown>>(),
    after: jsonb("after").$type<Record<string, unknown>>(),
    detail: jsonb("detail").$type<Record<string, unknown>>(),
  },
  (table) => [
    uniqueIndex("audit_log_position_key").on(table.position),
    index("audit_log_unsealed_idx").on(table.id).where(sql`position is null`),
    index("audit_log_occurred_at_idx").on(table.occurredAt),
    index("audit_log_action_idx").on(table.action, table.id),
    index("audit_log_actor_id_idx").on(table.actorId, table.id),
    index("audit_log_user_id_idx").on(table.userId, table.id),
    index("audit_log_target_idx").on(table.targetType, table.targetId, table.id),
    isOneOf("audit_log_actor_kind_check", table.actorKind, auditActorKinds),
    check("audit_log_action_check", sql`${table.action} ~ '^[a-z_]+\\.[a-z_]+$'`),
  ],
);

/**
 * The chain over the audit log: each seal closes a run of entries, or states which ones the retention removed, and holds the hash of the
 * seal before it. Seals are never changed and never removed.
 */
export const auditSeals = pgTable(
  "audit_seals",
  {
    number: bigint("number", { mode: "number" }).primaryKey(),
    kind: text("kind").$type<(typeof auditSealKinds)[number]>().notNull(),
    firstPosition: bigint("first_position", { mode: "number" }).notNull(),
    lastPosition: bigint("last_position", { mode: "number" }).notNull(),
    contentDigest: text("content_digest").notNull(),
    previousDigest: text("previous_digest").notNull(),
    digest: text("digest").notNull(),
    sealedAt: exactMoment("sealed_at"),
  },
  (table) => [
    uniqueIndex("audit_seals_previous_digest_key").on(table.previousDigest),
    index("audit_seals_kind_last_position_idx").on(table.kind, table.lastPosition),
    isOneOf("audit_seals_kind_check", table.kind, auditSealKinds),
    check("audit_seals_positions_check", sql`${table.firstPosition} <= ${table.lastPosition}`),
  ],
);
