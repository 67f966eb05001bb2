import type { Attachment, Message, MessageKind, MessageQuery, SenderKind } from "@agentvine/contracts";
import { and, asc, count, desc, eq, gt, inArray, lt, sql } from "drizzle-orm";
import type { Db, Tx } from "../../database/client.ts";
import { notify } from "../../database/commit-wakes.ts";
import { chatMessages, workOrders } from "../../database/schema/index.ts";
import { storableJson, storableText } from "../../storable-json.ts";
import { attachmentsOf, deleteOfMessage } from "./attachment.repository.ts";

/** Channel on which a conversation is said to have changed; the payload is its id. */
export const conversationChannel = "agentvine_conversation";

type Row = typeof chatMessages.$inferSelect;

const toResource = (row: Row, attachments: Attachment[], replyCount: number): Message => ({
  id: row.id,
  conversationId: row.conversationId,
  position: row.position,
  changePosition: row.changePosition,
  parentId: row.parentId,
  replyCount,
  senderKind: row.senderKind,
  senderId: row.senderId,
  kind: row.kind,
  content: row.content,
  workerRequestId: row.workerRequestId,
  attachments,
  metadata: row.metadata,
  deliveryStatus: row.deliveryStatus,
  createdAt: row.createdAt.toISOString(),
  editedAt: row.editedAt?.toISOString() ?? null,
});

async function toResources(db: Db | Tx, rows: Row[]): Promise<Message[]> {
  const ids = rows.map(({ id }) => id);
  const attachments = await attachmentsOf(db, ids);
  const replies = await countReplies(db, ids);
  return rows.map((row) => toResource(row, attachments.get(row.id) ?? [], replies.get(row.id) ?? 0));
}

async function toOne(db: Db | Tx, row: Row): Promise<Message> {
  const [message] = await toResources(db, [row]);
  if (message === undefined) throw new Error("a row became no message");
  return message;
}

/** How many replies there are to each of these that has any. */
async function countReplies(db: Db | Tx, ids: readonly string[]): Promise<Map<string | null, number>> {
  if (ids.length === 0) return new Map();
  const rows = await db
    .select({ parentId: chatMessages.parentId, replies: count() })
    .from(chatMessages)
    .where(inArray(chatMessages.parentId, [...ids]))
    .groupBy(chatMessages.parentId);
  return new Map(rows.map(({ parentId, replies }) => [parentId, replies]));
}

export interface NewMessage {
  id: string;
  conversationId: string;
  /** Drawn under the lock of the conversation. */
  position: number;
  parentId?: string | null;
  senderKind: SenderKind;
  senderId: string | null;
  kind: MessageKind;
  content: string;
  workerRequestId?: string | null;
  metadata?: Record<string, unknown>;
  deliveryStatus?: "queued" | null;
}

export async function insertMessage(tx: Tx, message: NewMessage): Promise<Message> {
  const [row] = await tx
    .insert(chatMessages)
    .values({
      ...message,
      content: storableText(message.content),
      metadata: storableJson(message.metadata ?? {}),
      changePosition: message.position,
    })
    .returning();
  if (row === undefined) throw new Error("the message was not inserted");
  notify(tx, conversationChannel, { payload: message.conversationId });
  return toResource(row, [], 0);
}

export async function findMessage(db: Db | Tx, id: string): Promise<Message | undefined> {
  const [row] = await db.select().from(chatMessages).where(eq(chatMessages.id, id));
  return row && (await toOne(db, row));
}

/** Changes a message; its conversation must be locked, and the position drawn there. What is withdrawn loses its attachments. */
export async function changeMessage(
  tx: Tx,
  { id, conversationId }: Pick<Message, "id" | "conversationId">,
  change: { content: string; changePosition: number; deliveryStatus?: "withdrawn" },
): Promise<Message> {
  const [row] = await tx
    .update(chatMessages)
    .set({ ...change, content: storableText(change.content), editedAt: sql`now()` })
    .where(eq(chatMessages.id, id))
    .returning();
  if (row === undefined) throw new Error("the message is gone");
  if (row.deliveryStatus === "withdrawn") await deleteOfMessage(tx, id);
  notify(tx, conversationChannel, { payload: conversationId });
  return await toOne(tx, row);
}

/** Messages of a conversation: what changed since a position, in that order; else the last ones, oldest first. */
export async function listMessages(
  db: Db | Tx,
  conversationId: string,
  { since, before, parentId, limit }: MessageQuery,
): Promise<Message[]> {
  const own = and(
    eq(chatMessages.conversationId, conversationId),
    parentId === undefined ? undefined : eq(chatMessages.parentId, parentId),
  );
  if (since !== undefined) {
    const rows = await db
      .select()
      .from(chatMessages)
      .where(and(own, gt(chatMessages.changePosition, since)))
      .orderBy(asc(chatMessages.changePosition))
      .limit(limit);
    return await toResources(db, rows);
  }
  const rows = await db
    .select()
    .from(chatMessages)
    .where(and(own, before === undefined ? undefined : lt(chatMessages.position, before)))
    .orderBy(desc(chatMessages.position))
    .limit(limit);
  return await toResources(db, rows.reverse());
}

/** At most so many messages reach an agent at once. */
const takenMax = 50;

/** What people wrote for the agent behind a position, oldest first; what was taken back is left out. At most 50. */
export async function listForAgent(
  db: Db | Tx,
  { conversationId, after }: { conversationId: string; after: number },
): Promise<Message[]> {
  const rows = await db
    .select()
    .from(chatMessages)
    .where(
      and(
        eq(chatMessages.conversationId, conversationId),
        gt(chatMessages.position, after),
        inArray(chatMessages.deliveryStatus, ["queued", "delivered"]),
      ),
    )
    .orderBy(asc(chatMessages.position))
    .limit(takenMax);
  return await toResources(db, rows);
}

/** Marks queued messages of a locked conversation as delivered; their changes get the positions behind `after`, in this order. */
export async function markDelivered(
  tx: Tx,
  { conversationId, after, ids }: { conversationId: string; after: number; ids: readonly string[] },
  { workOrderId, attempt }: { workOrderId: string; attempt: number },
): Promise<void> {
  await tx.execute(sql`
    update chat_messages m set delivery_status = 'delivered', taken_by_order_id = ${workOrderId},
      taken_by_attempt = ${attempt}, change_position = ${after}::bigint + q.number
    from unnest(${sql.param(ids)}::uuid[]) with ordinality as q(id, number) where m.id = q.id`);
  notify(tx, conversationChannel, { payload: conversationId });
}

/** The process that runs the task's agent now. */
export async function findRunning(tx: Tx, taskId: string) {
  const [row] = await tx
    .select({
      workOrderId: workOrders.id,
      attempt: workOrders.attempt,
      workerId: workOrders.workerId,
      instanceId: workOrders.workerInstanceId,
    })
    .from(workOrders)
    .where(and(eq(workOrders.taskId, taskId), eq(workOrders.status, "claimed"), eq(workOrders.kind, "run")));
  return row;
}
