import type { Permission, Role } from "@agentvine/contracts";
import { and, count, desc, eq, isNull, or, type SQL, sql } from "drizzle-orm";
import type { Db, Tx } from "../../database/client.ts";
import { notify } from "../../database/commit-wakes.ts";
import { isOlderThan } from "../../database/live-task.ts";
import { runPrepared, type Statement } from "../../database/prepared.ts";
import { shapeOf } from "../../database/row-shape.ts";
import { apiKeys, users } from "../../database/schema/index.ts";

export type ApiKeyRow = typeof apiKeys.$inferSelect;

export interface NewApiKey {
  name: string;
  prefix: string;
  keyHash: string;
  permissions: Permission[];
  createdBy: string;
  expiresAt: Date | null;
  rotatedFromId?: string;
  lineId?: string;
}

export async function insertApiKey(db: Db | Tx, key: NewApiKey): Promise<ApiKeyRow> {
  const [row] = await db.insert(apiKeys).values(key).returning();
  if (row === undefined) {
    throw new Error("the insert returned no row");
  }
  return row;
}

/** The newest 1,000 keys. @param ownerId of that person alone */
export const listApiKeys = (db: Db, ownerId?: string): Promise<ApiKeyRow[]> =>
  db
    .select()
    .from(apiKeys)
    .where(ownerId === undefined ? undefined : eq(apiKeys.createdBy, ownerId))
    .orderBy(desc(apiKeys.createdAt), desc(apiKeys.id))
    .limit(1_000);

const isLive = sql<boolean>`${apiKeys.revokedAt} is null and (${apiKeys.expiresAt} is null or ${apiKeys.expiresAt} > now())`;

/** How many keys of a person may be used. Who makes another one in this transaction is alone in that: the person is locked. */
export async function countLiveApiKeys(tx: Tx, ownerId: string): Promise<number> {
  await tx.select({ id: users.id }).from(users).where(eq(users.id, ownerId)).for("no key update");
  const [row] = await tx
    .select({ total: count() })
    .from(apiKeys)
    .where(and(eq(apiKeys.createdBy, ownerId), isLive));
  return row?.total ?? 0;
}

const keyShape = shapeOf(apiKeys);

const findLive: Statement = {
  name: "find-live-api-key",
  text: `select ${keyShape.columns("k")}, u.role as "ownerRole", u.is_active as "isOwnerActive"
    from api_keys k join users u on u.id = k.created_by
    where k.key_hash = $1 and k.revoked_at is null and (k.expires_at is null or k.expires_at > now())`,
};

/** A key that may be used, and how its owner stands now. */
export type LiveApiKey = ApiKeyRow & { ownerRole: Role; isOwnerActive: boolean };

/** The key with that hash while it may be used: neither revoked nor expired. */
export async function findLiveApiKey(db: Db, keyHash: string): Promise<LiveApiKey | undefined> {
  const [row] = await runPrepared<Pick<LiveApiKey, "ownerRole" | "isOwnerActive">>(db, findLive, [keyHash]);
  const key = row && keyShape.read(row);
  return key && { ...key, ownerRole: row.ownerRole, isOwnerActive: row.isOwnerActive };
}

export async function findApiKey(db: Db, id: string): Promise<ApiKeyRow | undefined> {
  const [row] = await db.select().from(apiKeys).where(eq(apiKeys.id, id));
  return row;
}

/** The key, locked; whether it may still be used is told beside it. */
export async function lockApiKey(
  tx: Tx,
  id: string,
): Promise<{ row: ApiKeyRow; isLive: boolean } | undefined> {
  const [found] = await tx
    .select({ row: apiKeys, isLive })
    .from(apiKeys)
    .where(eq(apiKeys.id, id))
    .for("update");
  return found;
}

/** Whether of the line that `id` names, as SQL, any key may still be used: what was registered with it is its own. */
export const hasLiveKey = (id: SQL): SQL<boolean> => sql<boolean>`exists (
  select from api_keys k where ${id} in (k.id, k.line_id)
    and k.revoked_at is null and (k.expires_at is null or k.expires_at > now()))`;

/** Lets a key end so many seconds from now, unless it ends before. */
export async function endApiKeyAfter(tx: Tx, id: string, seconds: number): Promise<void> {
  const end = sql`now() + ${seconds} * interval '1 second'`;
  await tx
    .update(apiKeys)
    .set({ expiresAt: sql`least(${apiKeys.expiresAt}, ${end})` })
    .where(eq(apiKeys.id, id));
}

/** Channel on which backends tell each other that a key was revoked. */
export const apiKeyChannel = "agentvine_api_key";

/** Lets every backend look keys up anew. */
export function announceKeyChange(db: Db | Tx): void {
  notify(db, apiKeyChannel);
}

/** Notes the use of a key, once a minute at most. */
export async function touchApiKey(db: Db, id: string): Promise<void> {
  await db
    .update(apiKeys)
    .set({ lastUsedAt: sql`now()` })
    .where(
      and(
        eq(apiKeys.id, id),
        or(isNull(apiKeys.lastUsedAt), sql`${apiKeys.lastUsedAt} < now() - interval '1 minute'`),
      ),
    );
}

/** Revokes a key; a revoked one stays revoked since then. */
export async function revokeApiKey(tx: Tx, id: string): Promise<void> {
  await tx
    .update(apiKeys)
    .set({ revokedAt: sql`coalesce(${apiKeys.revokedAt}, now())` })
    .where(eq(apiKeys.id, id));
}

/**
 * Removes at most `limit` keys that were revoked or expired more than so many days ago. A key in whose name another one acts stays, and
 * one that a registered worker holds: without it, the worker would be anybody's. @returns how many
 */
export async function deleteEndedApiKeys(db: Db, days: number, limit: number): Promise<number> {
  const { rowCount } = await db.execute(sql`
    delete from api_keys where id in (
      select k.id from api_keys k
      where ${isOlderThan(sql`least(k.revoked_at, k.expires_at)`, days)}
        and not exists (select from api_keys o where k.id in (o.rotated_from_id, o.line_id))
        and not exists (select from workers w where w.api_key_id = k.id and w.deregistered_at is null)
      limit ${limit})`);
  return rowCount ?? 0;
}
