import type { NoticeChannelUpdate } from "@agentvine/contracts";
import { and, asc, count, eq } from "drizzle-orm";
import type { Db, Tx } from "../../database/client.ts";
import { notify } from "../../database/commit-wakes.ts";
import { noticeChannels, users } from "../../database/schema/index.ts";
import { noticeChannelsChanged } from "./notice.ts";

/** Of a webhook the address is sealed. */
export type ChannelRow = typeof noticeChannels.$inferSelect;
export type NewChannel = Pick<
  ChannelRow,
  "id" | "userId" | "kind" | "name" | "address" | "format" | "types" | "scope"
>;

export async function insertChannel(tx: Tx, channel: NewChannel): Promise<ChannelRow> {
  const [row] = await tx.insert(noticeChannels).values(channel).returning();
  if (row === undefined) throw new Error("the insert returned no row");
  notify(tx, noticeChannelsChanged);
  return row;
}

export const listChannels = (db: Db, userId: string): Promise<ChannelRow[]> =>
  db
    .select()
    .from(noticeChannels)
    .where(eq(noticeChannels.userId, userId))
    .orderBy(asc(noticeChannels.createdAt), asc(noticeChannels.id));

export async function countChannels(db: Db | Tx, userId: string): Promise<number> {
  const [row] = await db
    .select({ total: count() })
    .from(noticeChannels)
    .where(eq(noticeChannels.userId, userId));
  return row?.total ?? 0;
}

/** Their e-mail address in lower case, once they have shown that it is theirs. */
export async function findVerifiedAddress(tx: Tx, userId: string): Promise<string | undefined> {
  const [row] = await tx
    .select({ email: users.email })
    .from(users)
    .where(and(eq(users.id, userId), eq(users.isVerified, true)));
  return row?.email.toLowerCase();
}

/** The channel of that person. */
export async function findOwnChannel(
  db: Db | Tx,
  id: string,
  userId: string,
): Promise<ChannelRow | undefined> {
  const [row] = await db
    .select()
    .from(noticeChannels)
    .where(and(eq(noticeChannels.id, id), eq(noticeChannels.userId, userId)));
  return row;
}

/** The channel, and whether the person it tells may still sign in. */
export async function findChannel(
  db: Db,
  id: string,
): Promise<{ channel: ChannelRow; isPersonActive: boolean } | undefined> {
  const [row] = await db
    .select({ channel: noticeChannels, isPersonActive: users.isActive })
    .from(noticeChannels)
    .innerJoin(users, eq(users.id, noticeChannels.userId))
    .where(eq(noticeChannels.id, id));
  return row;
}

/** True when anybody at all wants to be told something. */
export async function hasChannels(db: Db | Tx): Promise<boolean> {
  const [row] = await db
    .select({ id: noticeChannels.id })
    .from(noticeChannels)
    .where(eq(noticeChannels.isEnabled, true))
    .limit(1);
  return row !== undefined;
}

export async function updateChannel(
  tx: Tx,
  id: string,
  userId: string,
  change: NoticeChannelUpdate,
): Promise<ChannelRow | undefined> {
  const [row] = await tx
    .update(noticeChannels)
    .set(Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined)))
    .where(and(eq(noticeChannels.id, id), eq(noticeChannels.userId, userId)))
    .returning();
  notify(tx, noticeChannelsChanged);
  return row;
}

export async function deleteChannel(db: Db | Tx, id: string, userId: string): Promise<boolean> {
  const deleted = await db
    .delete(noticeChannels)
    .where(and(eq(noticeChannels.id, id), eq(noticeChannels.userId, userId)));
  notify(db, noticeChannelsChanged);
  return (deleted.rowCount ?? 0) > 0;
}

/** Notes how the last notice through the channel went; an empty error means well. */
export async function noteChannelUse(
  db: Db,
  id: string,
  { sentAt, error }: { sentAt: Date | null; error: string },
) {
  await db
    .update(noticeChannels)
    .set(sentAt === null ? { lastError: error } : { lastError: error, lastSentAt: sentAt })
    .where(eq(noticeChannels.id, id));
}
