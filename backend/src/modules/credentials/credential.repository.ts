import type { CredentialKind } from "@agentvine/contracts";
import { and, asc, eq, isNull, or, sql } from "drizzle-orm";
import type { Db, Tx } from "../../database/client.ts";
import { credentials } from "../../database/schema/index.ts";

/** Its value is sealed. */
export type CredentialRow = typeof credentials.$inferSelect;
export type NewCredential = Pick<
  CredentialRow,
  "id" | "kind" | "repositoryId" | "host" | "username" | "sealedValue" | "knownHosts" | "createdBy"
>;

/** Undefined when the repository or the host has one of that kind already. */
export async function insertCredential(
  tx: Tx,
  credential: NewCredential,
): Promise<CredentialRow | undefined> {
  const [row] = await tx.insert(credentials).values(credential).onConflictDoNothing().returning();
  return row;
}

export const listCredentials = (db: Db, repositoryId: string | undefined): Promise<CredentialRow[]> =>
  db
    .select()
    .from(credentials)
    .where(repositoryId === undefined ? undefined : eq(credentials.repositoryId, repositoryId))
    .orderBy(asc(credentials.host), asc(credentials.createdAt), asc(credentials.id))
    .limit(1_000);

export async function lockCredential(tx: Tx, id: string): Promise<CredentialRow | undefined> {
  const [row] = await tx.select().from(credentials).where(eq(credentials.id, id)).for("update");
  return row;
}

export async function updateCredential(
  tx: Tx,
  id: string,
  change: Partial<Pick<CredentialRow, "username" | "sealedValue" | "knownHosts">>,
): Promise<CredentialRow | undefined> {
  const [row] = await tx
    .update(credentials)
    .set({ ...change, updatedAt: sql`now()` })
    .where(eq(credentials.id, id))
    .returning();
  return row;
}

export async function deleteCredential(db: Db | Tx, id: string): Promise<boolean> {
  const { rowCount } = await db.delete(credentials).where(eq(credentials.id, id));
  return (rowCount ?? 0) > 0;
}

/** The repository's own credential of that kind, else its host's; its use is noted. */
export async function useCredential(
  tx: Tx,
  { kind, repositoryId, host }: { kind: CredentialKind; repositoryId: string; host: string | null },
): Promise<CredentialRow | undefined> {
  const ofHost =
    host === null ? sql`false` : and(isNull(credentials.repositoryId), eq(credentials.host, host));
  const [row] = await tx
    .select()
    .from(credentials)
    .where(and(eq(credentials.kind, kind), or(eq(credentials.repositoryId, repositoryId), ofHost)))
    .orderBy(sql`${credentials.repositoryId} is null`)
    .limit(1);
  if (row !== undefined) {
    await tx.update(credentials).set({ lastUsedAt: sql`now()` }).where(eq(credentials.id, row.id));
  }
  return row;
}
