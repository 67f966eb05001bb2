import type { Artifact, ArtifactKind, Checkpoint, CheckpointCreate } from "@agentvine/contracts";
import { and, asc, eq, lt, notExists, sql } from "drizzle-orm";
import type { Db, Tx } from "../../database/client.ts";
import { artifacts, blobs, checkpoints } from "../../database/schema/index.ts";
import { storableJson } from "../../storable-json.ts";

type ArtifactRow = typeof artifacts.$inferSelect;

const toArtifact = (row: ArtifactRow): Artifact => ({ ...row, createdAt: row.createdAt.toISOString() });

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

export interface NewArtifact {
  executionId: string;
  taskId: string;
  kind: ArtifactKind;
  name: string;
  contentType: string;
  digest: string;
  sizeBytes: number;
}

/** Writes the artifact; one of the same execution and name is replaced. Lock the digest first. */
export async function putArtifact(tx: Tx, artifact: NewArtifact): Promise<Artifact> {
  const { digest, sizeBytes, executionId, taskId, kind, name, contentType } = artifact;
  await tx
    .insert(blobs)
    .values({ digest, sizeBytes })
    .onConflictDoUpdate({ target: blobs.digest, set: { sizeBytes } });
  const [row] = await tx
    .insert(artifacts)
    .values({ executionId, taskId, kind, name, contentType, digest, sizeBytes })
    .onConflictDoUpdate({
      target: [artifacts.executionId, artifacts.name],
      set: { kind, contentType, digest, sizeBytes, createdAt: sql`now()` },
    })
    .returning();
  if (row === undefined) {
    throw new Error("the artifact was not written");
  }
  return toArtifact(row);
}

export async function findArtifact(db: Db | Tx, artifactId: string): Promise<Artifact | undefined> {
  const [row] = await db.select().from(artifacts).where(eq(artifacts.id, artifactId));
  return row === undefined ? undefined : toArtifact(row);
}

export async function listArtifacts(db: Db, executionId: string): Promise<Artifact[]> {
  const rows = await db
    .select()
    .from(artifacts)
    .where(eq(artifacts.executionId, executionId))
    .orderBy(asc(artifacts.name));
  return rows.map(toArtifact);
}

export async function insertCheckpoint(
  tx: Tx,
  checkpoint: CheckpointCreate & { taskId: string; executionId: string; attempt: number },
): Promise<Checkpoint> {
  const [row] = await tx.insert(checkpoints).values(storableJson(checkpoint)).returning();
  if (row === undefined) {
    throw new Error("the checkpoint was not written");
  }
  return { ...row, createdAt: row.createdAt.toISOString() };
}

const isUnused = (db: Db | Tx, olderThanSeconds: number) =>
  and(
    lt(blobs.createdAt, sql`now() - make_interval(secs => ${olderThanSeconds})`),
    notExists(db.select({ id: artifacts.id }).from(artifacts).where(eq(artifacts.digest, blobs.digest))),
  );

/** Digests that no artifact has referred to for a while, the oldest first. */
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
