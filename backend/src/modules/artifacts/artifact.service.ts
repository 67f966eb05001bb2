import type { Readable } from "node:stream";
import type { Artifact, ArtifactKind, Checkpoint, CheckpointCreate } from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";
import type { Actor } from "../../actor.ts";
import { deleteUnusedBlob, expectBlob, listUnusedDigests, lockDigest } from "../../blobs/blob.repository.ts";
import type { BlobStore } from "../../blobs/blob-store.ts";
import type { Db } from "../../database/client.ts";
import { inBatches } from "../../database/in-batches.ts";
import { inTransaction } from "../../database/transaction.ts";
import { readableTask, requireReadable, requireWritable } from "../executions/index.ts";
import {
  deleteOldArtifacts,
  findArtifact,
  insertCheckpoint,
  listArtifacts,
  putArtifact,
} from "./artifact.repository.ts";

export interface ArtifactUpload {
  kind: ArtifactKind;
  name: string;
  digest: string;
  contentType: string;
}

export interface ArtifactService {
  /** @throws AppError `execution.not_found`, `work_order.lease_lost` */
  list(actor: Actor, executionId: string): Promise<Artifact[]>;
  /** @throws AppError `artifact.digest_mismatch`, `work_order.lease_lost`, `execution.not_found`, `storage.full` */
  upload(actor: Actor, executionId: string, upload: ArtifactUpload, source: Readable): Promise<Artifact>;
  /** @throws AppError `artifact.not_found`, also for an attempt that asks for what is another task's; `work_order.lease_lost` */
  open(actor: Actor, artifactId: string): Promise<{ artifact: Artifact; content: Readable }>;
  /** The first bytes of an artifact as text. @throws AppError `artifact.not_found` */
  readText(artifactId: string, bytesMax: number): Promise<{ text: string; isTruncated: boolean }>;
  /** @throws AppError `artifact.not_found` when the checkpoint names files that are not this execution's, `work_order.lease_lost` */
  createCheckpoint(actor: Actor, executionId: string, checkpoint: CheckpointCreate): Promise<Checkpoint>;
  /** Removes artifacts of tasks that have been over for so many days; returns how many. Their bytes go with the next `sweep`. */
  forgetOld(days: number): Promise<number>;
  /** Removes bytes that nothing refers to and that nobody has begun to upload for `olderThanSeconds`; returns how many. */
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
    async list(actor, executionId) {
      await requireReadable(db, actor, executionId);
      return await listArtifacts(db, executionId);
    },

    async upload(actor, executionId, { kind, name, digest, contentType }, source) {
      // Asked before the bytes are taken: a lost lease should not fill the disk.
      await inTransaction(db, async (tx) => {
        await requireWritable(tx, actor, executionId);
        await expectBlob(tx, digest);
      });
      const { sizeBytes } = await blobs.put(source, digest);
      return await inTransaction(db, async (tx) => {
        const { taskId } = await requireWritable(tx, actor, executionId);
        await lockDigest(tx, digest);
        if (!(await blobs.has(digest))) {
          throw new AppError("artifact.digest_mismatch", "The bytes are gone already: upload them again.");
        }
        return await putArtifact(tx, { executionId, taskId, kind, name, contentType, digest, sizeBytes });
      });
    },

    async open(actor, artifactId) {
      const own = await readableTask(db, actor);
      const artifact = await requireArtifact(artifactId);
      if (own !== undefined && own !== artifact.taskId) {
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
      const isTruncated = artifact.sizeBytes > bytesMax;
      // A character that was cut in half at the end is left out.
      const text = new TextDecoder().decode(Buffer.concat(chunks).subarray(0, bytesMax), {
        stream: isTruncated,
      });
      return { text, isTruncated };
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

    forgetOld: (days) => inBatches((limit) => deleteOldArtifacts(db, days, limit)),

    async sweep(olderThanSeconds) {
      let removed = await blobs.deleteDrafts(olderThanSeconds);
      for (;;) {
        const digests = await listUnusedDigests(db, olderThanSeconds, sweepBatchMax);
        for (const digest of digests) {
          removed += await inTransaction(db, async (tx) => {
            await lockDigest(tx, digest);
            if (!(await deleteUnusedBlob(tx, digest, olderThanSeconds))) {
              return 0;
            }
            await blobs.delete(digest);
            return 1;
          });
        }
        if (digests.length < sweepBatchMax) {
          return removed;
        }
      }
    },
  };
}
