import { and, asc, eq, lt, notExists, sql } from "drizzle-orm";
import type { Db, Tx } from "../database/client.ts";
import { artifacts, blobs, chatAttachments } from "../database/schema/index.ts";

/** Who stores or forgets the bytes of one digest waits for the other: a row never speaks of bytes that were just removed. */
export async function lockDigest(tx: Tx, digest: string): Promise<void> {
  await tx.execute(sql`select pg_advisory_xact_lock(hashtextextended(${digest}, 7420003))`);
}

/**
 * Says that the bytes of a digest are about to be stored. Nobody sweeps them for a while, also if they are there already without
 * being used; and should they come and never be used, they are known and will be swept.
 */
export async function expectBlob(tx: Tx, digest: string): Promise<void> {
  await lockDigest(tx, digest);
  await tx
    .insert(blobs)
    .values({ digest, sizeBytes: 0 })
    .onConflictDoUpdate({ target: blobs.digest, set: { createdAt: sql`now()` } });
}

/** Says that the bytes of a digest are there. Lock it first. */
export async function recordBlob(
  tx: Tx,
  { digest, sizeBytes }: { digest: string; sizeBytes: number },
): Promise<void> {
  await tx
    .insert(blobs)
    .values({ digest, sizeBytes })
    .onConflictDoUpdate({ target: blobs.digest, set: { sizeBytes } });
}

const isUnused = (db: Db | Tx, olderThanSeconds: number) =>
  and(
    lt(blobs.createdAt, sql`now() - make_interval(secs => ${olderThanSeconds})`),
    notExists(db.select({ id: artifacts.id }).from(artifacts).where(eq(artifacts.digest, blobs.digest))),
    notExists(
      db
        .select({ id: chatAttachments.id })
        .from(chatAttachments)
        .where(eq(chatAttachments.digest, blobs.digest)),
    ),
  );

/** Digests that nothing has referred to for a while, the oldest first. */
export async function listUnusedDigests(db: Db, olderThanSeconds: number, limit: number): Promise<string[]> {
  const rows = await db
    .select({ digest: blobs.digest })
    .from(blobs)
    .where(isUnused(db, olderThanSeconds))
    .orderBy(asc(blobs.createdAt))
    .limit(limit);
  return rows.map((row) => row.digest);
}

/** Forgets a digest unless it is used or expected by now. Lock it first. */
export async function deleteUnusedBlob(tx: Tx, digest: string, olderThanSeconds: number): Promise<boolean> {
  const deleted = await tx
    .delete(blobs)
    .where(and(eq(blobs.digest, digest), isUnused(tx, olderThanSeconds)))
    .returning({ digest: blobs.digest });
  return deleted.length > 0;
}
