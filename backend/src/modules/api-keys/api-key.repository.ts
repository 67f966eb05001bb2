import type { Permission } from "@agentvine/contracts";
import { and, desc, eq, isNull, or, sql } from "drizzle-orm";
import type { Db } from "../../database/client.ts";
import { apiKeys } from "../../database/schema/index.ts";

export type ApiKeyRow = typeof apiKeys.$inferSelect;

export interface NewApiKey {
  name: string;
  prefix: string;
  keyHash: string;
  permissions: Permission[];
  createdBy: string;
  expiresAt: Date | null;
}

export async function insertApiKey(db: Db, key: NewApiKey): Promise<ApiKeyRow> {
  const [row] = await db.insert(apiKeys).values(key).returning();
  if (row === undefined) {
    throw new Error("the insert returned no row");
  }
  return row;
}

export const listApiKeys = (db: Db): Promise<ApiKeyRow[]> =>
  db.select().from(apiKeys).orderBy(desc(apiKeys.createdAt), desc(apiKeys.id)).limit(1_000);

/** The key with that hash while it may be used: neither revoked nor expired. */
export async function findLiveApiKey(db: Db, keyHash: string): Promise<ApiKeyRow | undefined> {
  const [row] = await db
    .select()
    .from(apiKeys)
    .where(
      and(
        eq(apiKeys.keyHash, keyHash),
        isNull(apiKeys.revokedAt),
        or(isNull(apiKeys.expiresAt), sql`${apiKeys.expiresAt} > now()`),
      ),
    );
  return row;
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

/** Revokes a key; a revoked one stays revoked since then. False when there is no such key. */
export async function revokeApiKey(db: Db, id: string): Promise<boolean> {
  const updated = await db
    .update(apiKeys)
    .set({ revokedAt: sql`coalesce(${apiKeys.revokedAt}, now())` })
    .where(eq(apiKeys.id, id));
  return (updated.rowCount ?? 0) > 0;
}
