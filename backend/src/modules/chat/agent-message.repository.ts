import type { Message, RepliedTo } from "@agentvine/contracts";
import { inArray, sql } from "drizzle-orm";
import type { Db } from "../../database/client.ts";
import { personNameSql } from "../../database/person-name.ts";
import { chatAttachments, chatMessages, users } from "../../database/schema/index.ts";

/** So much of what a message replies to is told. */
const excerptCharactersMax = 300;

/** What people are called, by their ids. */
export async function readNames(db: Db, ids: readonly string[]): Promise<Map<string, string>> {
  if (ids.length === 0) return new Map();
  const rows = await db
    .select({
      id: users.id,
      name: sql<string>`${personNameSql("users")}`,
    })
    .from(users)
    // A sender need not be a user, nor its id a UUID.
    .where(sql`${users.id}::text = any(${sql.param([...ids])}::text[])`);
  return new Map(rows.map(({ id, name }) => [id, name]));
}

type Parent = Omit<RepliedTo, "senderName"> & Pick<Message, "senderId">;

/** How messages begin that others reply to, by their ids. */
export async function readParents(db: Db, ids: readonly string[]): Promise<Map<string, Parent>> {
  if (ids.length === 0) return new Map();
  const rows = await db
    .select({
      id: chatMessages.id,
      senderKind: chatMessages.senderKind,
      senderId: chatMessages.senderId,
      excerpt: sql<string>`left(${chatMessages.content}, ${excerptCharactersMax})`,
    })
    .from(chatMessages)
    .where(inArray(chatMessages.id, [...ids]));
  return new Map(rows.map(({ id, ...parent }) => [id, parent]));
}

/** Where the bytes of attachments are, by their ids. */
export async function readDigests(db: Db, ids: readonly string[]): Promise<Map<string, string>> {
  if (ids.length === 0) return new Map();
  const rows = await db
    .select({ id: chatAttachments.id, digest: chatAttachments.digest })
    .from(chatAttachments)
    .where(inArray(chatAttachments.id, [...ids]));
  return new Map(rows.map(({ id, digest }) => [id, digest]));
}
