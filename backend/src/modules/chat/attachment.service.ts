import type { Readable } from "node:stream";
import type { Attachment } from "@agentvine/contracts";
import { AppError, newId } from "@agentvine/kit";
import type { Actor } from "../../actor.ts";
import { expectBlob, lockDigest } from "../../blobs/blob.repository.ts";
import type { BlobStore } from "../../blobs/blob-store.ts";
import type { Db } from "../../database/client.ts";
import { inBatches } from "../../database/in-batches.ts";
import { inTransaction } from "../../database/transaction.ts";
import { storableText } from "../../storable-json.ts";
import { unknownConversation } from "./announce.service.ts";
import {
  countUnsent,
  deleteOldAttachments,
  deleteOldUnsent,
  deleteUnsent,
  findAttachment,
  insertAttachment,
} from "./attachment.repository.ts";
import { headBytesMax, typeOf } from "./attachment-type.service.ts";
import { findConversation } from "./conversation.repository.ts";

export interface AttachmentUpload {
  conversationId: string;
  name: string;
  /** What the sender says it is. */
  contentType: string | undefined;
}

/** So many uploads of one person may wait for their messages. */
const unsentMax = 100;

export const unknownAttachment = (): AppError =>
  new AppError("attachment.not_found", "There is no such attachment, or a message has it already.");

/** Files that people send with their messages: rows here, bytes in the blob store. */
export function createAttachmentService({ db, blobs }: { db: Db; blobs: BlobStore }) {
  return {
    /** @throws AppError `conversation.not_found`, `attachment.type_mismatch`, `attachment.limit_reached`, `storage.full` */
    upload: async (
      actor: Actor,
      { conversationId, name, contentType }: AttachmentUpload,
      source: Readable,
    ): Promise<Attachment> => {
      // Asked before the bytes are taken: nobody fills the disk by the way.
      if ((await findConversation(db, conversationId)) === undefined) throw unknownConversation();
      if ((await countUnsent(db, actor.userId)) >= unsentMax)
        throw new AppError(
          "attachment.limit_reached",
          `${unsentMax} uploads wait for their messages: send some, or remove them.`,
        );
      const staged = await blobs.stage(source);
      try {
        const { digest, sizeBytes } = staged;
        const sniffed = await typeOf(await staged.head(headBytesMax), contentType);
        await inTransaction(db, (tx) => expectBlob(tx, digest));
        await staged.keep();
        return await inTransaction(db, async (tx) => {
          if ((await findConversation(tx, conversationId)) === undefined) throw unknownConversation();
          await lockDigest(tx, digest);
          return await insertAttachment(tx, {
            ...{ id: newId(), conversationId, uploadedBy: actor.userId, name: storableText(name) },
            ...{ contentType: sniffed, digest, sizeBytes },
          });
        });
      } finally {
        await staged.discard();
      }
    },

    /** @throws AppError `attachment.not_found` */
    open: async (id: string): Promise<{ attachment: Attachment; content: Readable }> => {
      const found = await findAttachment(db, id);
      if (found === undefined) throw unknownAttachment();
      const { digest, ...attachment } = found;
      return { attachment, content: await blobs.open(digest) };
    },

    /** Removes an upload of one's own before it is sent. @throws AppError `attachment.not_found` */
    remove: async (actor: Actor, id: string): Promise<void> => {
      if (!(await deleteUnsent(db, id, actor.userId))) throw unknownAttachment();
    },

    /** Removes what was sent more than so many days ago, but for tasks that may still go on. @returns how many */
    forgetOld: (days: number): Promise<number> => inBatches((limit) => deleteOldAttachments(db, days, limit)),

    /** Removes uploads that no message has named for so long; their bytes go with the next sweep of the blobs. @returns how many */
    sweepUnsent: (olderThanSeconds: number): Promise<number> => deleteOldUnsent(db, olderThanSeconds),
  };
}

export type AttachmentService = ReturnType<typeof createAttachmentService>;
