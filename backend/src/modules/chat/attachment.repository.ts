import type { Attachment } from "@agentvine/contracts";
import { and, asc, count, eq, inArray, isNull, lt, sql } from "drizzle-orm";
import { recordBlob } from "../../blobs/blob.repository.ts";
import type { Db, Tx } from "../../database/client.ts";
import { isLiveTask, isOlderThan } from "../../database/live-task.ts";
import { chatAttachments } from "../../database/schema/index.ts";

type Row = typeof chatAttachments.$inferSelect;

const toResource = ({ id, name, contentType, sizeBytes }: Row): Attachment => ({
  ...{ id, name, contentType, sizeBytes },
});

/** Writes an upload that belongs to no message yet. Lock its digest first. */
export async function insertAttachment(
  tx: Tx,
  attachment: Attachment & { conversationId: string; uploadedBy: string; digest: string },
): Promise<Attachment> {
  await recordBlob(tx, attachment);
  const [row] = await tx.insert(chatAttachments).values(attachment).returning();
  if (row === undefined) throw new Error("the attachment was not inserted");
  return toResource(row);
}

/** How many uploads of a person belong to no message. */
export async function countUnsent(db: Db | Tx, uploadedBy: string): Promise<number> {
  const [row] = await db
    .select({ unsent: count() })
    .from(chatAttachments)
    .where(and(eq(chatAttachments.uploadedBy, uploadedBy), isNull(chatAttachments.messageId)));
  return row?.unsent ?? 0;
}

export async function findAttachment(
  db: Db,
  id: string,
): Promise<(Attachment & { digest: string }) | undefined> {
  const [row] = await db.select().from(chatAttachments).where(eq(chatAttachments.id, id));
  return row && { ...toResource(row), digest: row.digest };
}

/** Gives uploads of a person in a conversation to a message, in the order of the ids. @returns how many were there to be given */
export async function attachToMessage(
  tx: Tx,
  ids: readonly string[],
  message: { messageId: string; conversationId: string; uploadedBy: string },
): Promise<number> {
  const { messageId, conversationId, uploadedBy } = message;
  const ordinal = sql`array_position(array[${sql.join(
    ids.map((id) => sql`${id}::uuid`),
    sql`, `,
  )}], ${chatAttachments.id})`;
  const attached = await tx
    .update(chatAttachments)
    .set({ messageId, ordinal })
    .where(
      and(
        inArray(chatAttachments.id, [...ids]),
        eq(chatAttachments.conversationId, conversationId),
        eq(chatAttachments.uploadedBy, uploadedBy),
        isNull(chatAttachments.messageId),
      ),
    )
    .returning({ id: chatAttachments.id });
  return attached.length;
}

/** The attachments of messages, by message. */
export async function attachmentsOf(
  db: Db | Tx,
  messageIds: readonly string[],
): Promise<Map<string, Attachment[]>> {
  const found = new Map<string, Attachment[]>();
  if (messageIds.length === 0) return found;
  const rows = await db
    .select()
    .from(chatAttachments)
    .where(inArray(chatAttachments.messageId, [...messageIds]))
    .orderBy(asc(chatAttachments.ordinal));
  for (const row of rows) {
    if (row.messageId === null) continue;
    found.set(row.messageId, [...(found.get(row.messageId) ?? []), toResource(row)]);
  }
  return found;
}

export async function deleteOfMessage(tx: Tx, messageId: string): Promise<void> {
  await tx.delete(chatAttachments).where(eq(chatAttachments.messageId, messageId));
}

/** Removes an upload of a person that belongs to no message. @returns false when there is none such */
export async function deleteUnsent(db: Db, id: string, uploadedBy: string): Promise<boolean> {
  const deleted = await db
    .delete(chatAttachments)
    .where(
      and(
        eq(chatAttachments.id, id),
        eq(chatAttachments.uploadedBy, uploadedBy),
        isNull(chatAttachments.messageId),
      ),
    )
    .returning({ id: chatAttachments.id });
  return deleted.length > 0;
}

/** Removes uploads that have belonged to no message for so long. @returns how many */
export async function deleteOldUnsent(db: Db, olderThanSeconds: number): Promise<number> {
  const { rowCount } = await db
    .delete(chatAttachments)
    .where(
      and(
        isNull(chatAttachments.messageId),
        lt(chatAttachments.createdAt, sql`now() - make_interval(secs => ${olderThanSeconds})`),
      ),
    );
  return rowCount ?? 0;
}

/**
 * Removes at most `limit` attachments that were sent more than so many days ago, unless they are about a task that may still go on.
 * @returns how many
 */
export async function deleteOldAttachments(db: Db, days: number, limit: number): Promise<number> {
  const { rowCount } = await db.execute(sql`
    delete from chat_attachments where id in (
      select a.id from chat_attachments a join conversations c on c.id = a.conversation_id
      where a.message_id is not null and ${isOlderThan(sql`a.created_at`, days)}
        and not ${isLiveTask(sql`c.task_id`)}
      limit ${limit})`);
  return rowCount ?? 0;
}
