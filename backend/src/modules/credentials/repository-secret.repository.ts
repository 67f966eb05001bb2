import { and, asc, count, eq, sql } from "drizzle-orm";
import type { Db, Tx } from "../../database/client.ts";
import { repositorySecrets } from "../../database/schema/index.ts";

/** Its value is sealed. */
export type RepositorySecretRow = typeof repositorySecrets.$inferSelect;
export type NewRepositorySecret = Pick<
  RepositorySecretRow,
  "id" | "repositoryId" | "name" | "sealedValue" | "createdBy"
>;

const named = (repositoryId: string, name: string) =>
  and(eq(repositorySecrets.repositoryId, repositoryId), eq(repositorySecrets.name, name));

export const listRepositorySecrets = (db: Db, repositoryId: string): Promise<RepositorySecretRow[]> =>
  db
    .select()
    .from(repositorySecrets)
    .where(eq(repositorySecrets.repositoryId, repositoryId))
    .orderBy(asc(repositorySecrets.name));

export async function countRepositorySecrets(tx: Tx, repositoryId: string): Promise<number> {
  const [row] = await tx
    .select({ total: count() })
    .from(repositorySecrets)
    .where(eq(repositorySecrets.repositoryId, repositoryId));
  return row?.total ?? 0;
}

/** The secret of that name, locked. */
export async function lockRepositorySecret(
  tx: Tx,
  repositoryId: string,
  name: string,
): Promise<RepositorySecretRow | undefined> {
  const [row] = await tx.select().from(repositorySecrets).where(named(repositoryId, name)).for("update");
  return row;
}

/** Undefined when there is one of that name already. */
export async function insertRepositorySecret(
  tx: Tx,
  secret: NewRepositorySecret,
): Promise<RepositorySecretRow | undefined> {
  const [row] = await tx.insert(repositorySecrets).values(secret).onConflictDoNothing().returning();
  return row;
}

export async function updateRepositorySecret(
  tx: Tx,
  id: string,
  sealedValue: string,
): Promise<RepositorySecretRow | undefined> {
  const [row] = await tx
    .update(repositorySecrets)
    .set({ sealedValue, updatedAt: sql`now()` })
    .where(eq(repositorySecrets.id, id))
    .returning();
  return row;
}

export async function deleteRepositorySecret(
  db: Db | Tx,
  repositoryId: string,
  name: string,
): Promise<boolean> {
  const { rowCount } = await db.delete(repositorySecrets).where(named(repositoryId, name));
  return (rowCount ?? 0) > 0;
}

/** All secrets of the repository; their use is noted. */
export const useRepositorySecrets = (tx: Tx, repositoryId: string): Promise<RepositorySecretRow[]> =>
  tx
    .update(repositorySecrets)
    .set({ lastUsedAt: sql`now()` })
    .where(eq(repositorySecrets.repositoryId, repositoryId))
    .returning();
