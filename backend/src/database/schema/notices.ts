import {
  type NoticeChannelKind,
  type NoticeScope,
  type NoticeStatus,
  type NoticeType,
  noticeChannelKinds,
  noticeScopes,
  noticeStatuses,
  noticeTypes,
  type WebhookFormat,
  webhookFormats,
} from "@agentvine/contracts";
import { sql } from "drizzle-orm";
import { boolean, index, integer, pgTable, text, uniqueIndex, uuid } from "drizzle-orm/pg-core";
import { createdAtColumn, idColumn, isOneOf, momentColumn } from "./columns.ts";
import { users } from "./users.ts";

/** Where a person wants to be told things outside of the UI. */
export const noticeChannels = pgTable(
  "notice_channels",
  {
    id: idColumn(),
    userId: uuid("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    kind: text("kind").$type<NoticeChannelKind>().notNull(),
    name: text("name").notNull(),
    address: text("address").notNull(),
    format: text("format").$type<WebhookFormat>().notNull(),
    types: text("types").array().$type<NoticeType[]>().notNull(),
    scope: text("scope").$type<NoticeScope>().notNull(),
    isEnabled: boolean("is_enabled").notNull().default(true),
    createdAt: createdAtColumn(),
    lastSentAt: momentColumn("last_sent_at"),
    lastError: text("last_error").notNull().default(""),
  },
  (table) => [
    index("notice_channels_user_id_idx").on(table.userId),
    isOneOf("notice_channels_kind_check", table.kind, noticeChannelKinds),
    isOneOf("notice_channels_format_check", table.format, webhookFormats),
    isOneOf("notice_channels_scope_check", table.scope, noticeScopes),
  ],
);

/** One thing told through one channel. No foreign keys to what it tells about: it outlives that. */
export const notices = pgTable(
  "notices",
  {
    id: idColumn(),
    channelId: uuid("channel_id")
      .notNull()
      .references(() => noticeChannels.id, { onDelete: "cascade" }),
    type: text("type").$type<NoticeType>().notNull(),
    taskId: uuid("task_id"),
    workerRequestId: uuid("worker_request_id"),
    /** What it is about, once per channel: a repeat of the event makes no second notice. */
    occasion: text("occasion").notNull(),
    status: text("status").$type<NoticeStatus>().notNull().default("waiting"),
    tries: integer("tries").notNull().default(0),
    reason: text("reason").notNull().default(""),
    createdAt: createdAtColumn(),
    /** Not to be sent before. */
    availableAt: momentColumn("available_at").notNull().defaultNow(),
    /** When a job was last made for it; null: it needs one. */
    queuedAt: momentColumn("queued_at"),
    endedAt: momentColumn("ended_at"),
  },
  (table) => [
    uniqueIndex("notices_channel_id_occasion_key").on(table.channelId, table.occasion),
    index("notices_waiting_idx").on(table.availableAt).where(sql`${table.status} = 'waiting'`),
    index("notices_created_at_idx").on(table.createdAt),
    isOneOf("notices_type_check", table.type, noticeTypes),
    isOneOf("notices_status_check", table.status, noticeStatuses),
  ],
);
