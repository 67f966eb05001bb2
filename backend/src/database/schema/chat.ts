import {
  type DeliveryStatus,
  deliveryStatuses,
  type MessageKind,
  messageKinds,
  type SenderKind,
  senderKinds,
} from "@agentvine/contracts";
import { sql } from "drizzle-orm";
import {
  type AnyPgColumn,
  bigint,
  index,
  integer,
  pgTable,
  text,
  uniqueIndex,
  uuid,
} from "drizzle-orm/pg-core";
import {
  createdAtColumn,
  idColumn,
  isOneOf,
  momentColumn,
  objectColumn,
  updatedAtColumn,
} from "./columns.ts";
import { blobs } from "./executions.ts";
import { tasks } from "./tasks.ts";

/** The chat around a task, or a free one. */
export const conversations = pgTable(
  "conversations",
  {
    id: idColumn(),
    taskId: uuid("task_id").references(() => tasks.id, { onDelete: "cascade" }),
    title: text("title").notNull().default(""),
    createdBy: text("created_by"),
    /** Raised under the row's lock by each change: positions commit in their order, without gaps. */
    lastPosition: bigint("last_position", { mode: "number" }).notNull().default(0),
    createdAt: createdAtColumn(),
    updatedAt: updatedAtColumn(),
  },
  (table) => [
    uniqueIndex("conversations_task_id_key").on(table.taskId),
    index("conversations_updated_at_idx").on(table.updatedAt, table.id),
  ],
);

/** What was said. */
export const chatMessages = pgTable(
  "chat_messages",
  {
    id: idColumn(),
    conversationId: uuid("conversation_id")
      .notNull()
      .references(() => conversations.id, { onDelete: "cascade" }),
    position: bigint("position", { mode: "number" }).notNull(),
    changePosition: bigint("change_position", { mode: "number" }).notNull(),
    parentId: uuid("parent_message_id").references((): AnyPgColumn => chatMessages.id, {
      onDelete: "set null",
    }),
    senderKind: text("sender_type").$type<SenderKind>().notNull(),
    senderId: text("sender_id"),
    kind: text("message_type").$type<MessageKind>().notNull(),
    content: text("message").notNull(),
    /** No foreign key: what was said outlives what it was about. */
    workerRequestId: uuid("worker_request_id"),
    metadata: objectColumn("metadata"),
    deliveryStatus: text("delivery_status").$type<DeliveryStatus>(),
    /** The attempt that took it first. */
    takenByOrderId: uuid("taken_by_order_id"),
    takenByAttempt: integer("taken_by_attempt"),
    createdAt: createdAtColumn(),
    editedAt: momentColumn("edited_at"),
  },
  (table) => [
    uniqueIndex("chat_messages_conversation_id_position_key").on(table.conversationId, table.position),
    uniqueIndex("chat_messages_conversation_id_change_position_key").on(
      table.conversationId,
      table.changePosition,
    ),
    index("chat_messages_conversation_id_created_at_idx").on(table.conversationId, table.createdAt),
    index("chat_messages_sender_idx").on(table.senderKind, table.senderId),
    index("chat_messages_parent_message_id_idx").on(table.parentId),
    index("chat_messages_queued_idx").on(table.conversationId).where(sql`${table.deliveryStatus} = 'queued'`),
    isOneOf("chat_messages_sender_type_check", table.senderKind, senderKinds),
    isOneOf("chat_messages_message_type_check", table.kind, messageKinds),
    isOneOf("chat_messages_delivery_status_check", table.deliveryStatus, deliveryStatuses),
  ],
);

/** A file of a message; of none yet while its sender still writes. */
export const chatAttachments = pgTable(
  "chat_attachments",
  {
    id: idColumn(),
    conversationId: uuid("conversation_id")
      .notNull()
      .references(() => conversations.id, { onDelete: "cascade" }),
    messageId: uuid("message_id").references(() => chatMessages.id, { onDelete: "cascade" }),
    /** Its place among those of the message. */
    ordinal: integer("ordinal").notNull().default(0),
    uploadedBy: text("uploaded_by").notNull(),
    name: text("file_name").notNull(),
    contentType: text("file_type").notNull(),
    sizeBytes: bigint("file_size", { mode: "number" }).notNull(),
    digest: text("digest")
      .notNull()
      .references(() => blobs.digest),
    createdAt: createdAtColumn(),
  },
  (table) => [
    index("chat_attachments_conversation_id_idx").on(table.conversationId),
    index("chat_attachments_message_id_idx").on(table.messageId),
    index("chat_attachments_digest_idx").on(table.digest),
    index("chat_attachments_unsent_idx")
      .on(table.uploadedBy, table.createdAt)
      .where(sql`${table.messageId} is null`),
  ],
);
