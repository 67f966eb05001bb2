import type { Artifact, ArtifactKind, Checkpoint, CheckpointCreate } from "@agentvine/contracts";
import { asc, eq, sql } from "drizzle-orm";
import { recordBlob } from "../../blobs/blob.repository.ts";
import type { Db, Tx } from "../../database/client.ts";
import { hasLiveDependent, isLiveTask, isOlderThan } from "../../database/live-task.ts";
import { artifacts, checkpoints } from "../../database/schema/index.ts";
import { storableJson } from "../../storable-json.ts";

type ArtifactRow = typeof artifacts.$inferSelect;

const toArtifact = (row: ArtifactRow): Artifact => ({ ...row, createdAt: row.createdAt.toISOString() });

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
  await recordBlob(tx, { digest, sizeBytes });
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

/**
 * Removes at most `limit` artifacts, and the checkpoints made of them, of tasks that are over and have not changed for so many days, unless
 * another task still builds upon theirs. Their bytes go with the next sweep of the blobs. @returns how many
 */
export async function deleteOldArtifacts(db: Db, days: number, limit: number): Promise<number> {
  const { rowCount } = await db.execute(sql`
    delete from artifacts where id in (
      select a.id from artifacts a join tasks t on t.id = a.task_id
      where ${isOlderThan(sql`a.created_at`, days)} and ${isOlderThan(sql`t.updated_at`, days)}
        and not ${isLiveTask(sql`a.task_id`)} and not ${hasLiveDependent(sql`a.task_id`)}
      limit ${limit})`);
  return rowCount ?? 0;
}
