import type { Readable } from "node:stream";
import type { Artifact, ArtifactKind, Checkpoint, CheckpointCreate } from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";
import type { Actor } from "../../actor.ts";
import type { BlobStore } from "../../blobs/blob-store.ts";
import type { Db } from "../../database/client.ts";
import { inTransaction } from "../../database/transaction.ts";
import { requireWritable } from "../executions/index.ts";
import {
  deleteUnusedBlob,
  findArtifact,
  findTaskOfOrder,
  insertCheckpoint,
  listArtifacts,
  listUnusedDigests,
  lockDigest,
  putArtifact,
} from "./artifact.repository.ts";

export interface ArtifactUpload {
  kind: ArtifactKind;
  name: string;
  digest: string;
  contentType: string;
}

export interface ArtifactService {
  list(executionId: string): Promise<Artifact[]>;
  /** @throws AppError `artifact.digest_mismatch`, `work_order.lease_lost`, `execution.not_found`, `storage.full` */
  upload(actor: Actor, executionId: string, upload: ArtifactUpload, source: Readable): Promise<Artifact>;
  /** @throws AppError `artifact.not_found`, also for an attempt that asks for what is another task's */
  open(actor: Actor, artifactId: string): Promise<{ artifact: Artifact; content: Readable }>;
  /** The first bytes of an artifact as text. @throws AppError `artifact.not_found` */
  readText(artifactId: string, bytesMax: number): Promise<{ text: string; isTruncated: boolean }>;
  /** @throws AppError `artifact.not_found` when the checkpoint names files that are not this execution's, `work_order.lease_lost` */
  createCheckpoint(actor: Actor, executionId: string, checkpoint: CheckpointCreate): Promise<Checkpoint>;
  /** Removes bytes that no artifact has referred to for `olderThanSeconds`; returns how many. */
  sweep(olderThanSeconds: number): Promise<number>;
}

const notFound = (): AppError => new AppError("artifact.not_found", "There is no such artifact.");
const sweepBatchMax = 500;

/** Files that executions leave behind: rows here, bytes in the blob store. */
export function createArtifactService({ db, blobs }: { db: Db; blobs: BlobStore }): ArtifactService {
  async function requireArtifact(artifactId: string): Promise<Artifact> {
    const artifact = await findArtifact(db, artifactId);
    if (artifact === undefined) {
      throw notFound();
    }
    return artifact;
  }

  return {
    list: (executionId) => listArtifacts(db, executionId),

    async upload(actor, executionId, { kind, name, digest, contentType }, source) {
      // Asked before the bytes are taken: a lost lease should not fill the disk.
      await inTransaction(db, (tx) => requireWritable(tx, actor, executionId));
      const { sizeBytes } = await blobs.put(source, digest);
      return await inTransaction(db, async (tx) => {
        const { taskId } = await requireWritable(tx, actor, executionId);
        await lockDigest(tx, digest);
        if (!(await blobs.has(digest))) {
          throw new AppError(
            "artifact.digest_mismatch",
            "The bytes were swept away meanwhile: upload again.",
          );
        }
        return await putArtifact(tx, { executionId, taskId, kind, name, contentType, digest, sizeBytes });
      });
    },

    async open(actor, artifactId) {
      const artifact = await requireArtifact(artifactId);
      const own =
        actor.attempt === undefined ? undefined : await findTaskOfOrder(db, actor.attempt.workOrderId);
      if (actor.attempt !== undefined && own !== artifact.taskId) {
        throw notFound();
      }
      return { artifact, content: await blobs.open(artifact.digest) };
    },

    async readText(artifactId, bytesMax) {
      const artifact = await requireArtifact(artifactId);
      const content = await blobs.open(artifact.digest);
      const chunks: Buffer[] = [];
      let bytes = 0;
      for await (const chunk of content as AsyncIterable<Buffer>) {
        chunks.push(chunk);
        bytes += chunk.length;
        if (bytes >= bytesMax) break;
      }
      const text = new TextDecoder().decode(Buffer.concat(chunks).subarray(0, bytesMax));
      return { text, isTruncated: artifact.sizeBytes > bytesMax };
    },

    async createCheckpoint(actor, executionId, checkpoint) {
      return await inTransaction(db, async (tx) => {
        const { taskId, attempt } = await requireWritable(tx, actor, executionId);
        const named = [checkpoint.transcriptArtifactId, checkpoint.snapshotArtifactId];
        for (const artifactId of named.filter((id) => id !== null)) {
          const artifact = await findArtifact(tx, artifactId);
          if (artifact?.executionId !== executionId) {
            throw notFound();
          }
        }
        return await insertCheckpoint(tx, { ...checkpoint, taskId, executionId, attempt });
      });
    },

    async sweep(olderThanSeconds) {
      let removed = 0;
      for (const digest of await listUnusedDigests(db, olderThanSeconds, sweepBatchMax)) {
        removed += await inTransaction(db, async (tx) => {
          await lockDigest(tx, digest);
          if (!(await deleteUnusedBlob(tx, digest))) {
            return 0;
          }
          await blobs.delete(digest);
          return 1;
        });
      }
      return removed;
    },
  };
}
