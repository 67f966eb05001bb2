import type { AgentMessage, Message, RepliedTo } from "@agentvine/contracts";
import { isAppError } from "@agentvine/kit";
import type { BlobStore } from "../../blobs/blob-store.ts";
import type { Db } from "../../database/client.ts";
import { readDigests, readNames, readParents } from "./agent-message.repository.ts";

/** So much of one attachment is shown to an agent, and of all that come with one answer: they stay in its memory for good. */
const textBytesMax = 32 * 1024;
const textsBytesMax = 64 * 1024;

type View = (messages: readonly Message[]) => Promise<AgentMessage[]>;

/** Shows messages as an agent needs them, who can look nothing up: with names, with what they reply to, and with texts attached. */
export function createAgentView({ db, blobs }: { db: Db; blobs: Pick<BlobStore, "open"> }): View {
  /** @returns the beginnings of the texts among the attachments, by id */
  const readTexts = async (messages: readonly Message[]): Promise<Map<string, string>> => {
    const attached = messages.flatMap(({ attachments }) => attachments);
    const wanted = attached.filter(({ contentType }) => contentType.startsWith("text/"));
    const digests = await readDigests(
      db,
      wanted.map(({ id }) => id),
    );
    const texts = new Map<string, string>();
    let leftBytes = textsBytesMax;
    for (const { id, sizeBytes } of wanted) {
      const digest = digests.get(id);
      const bytesMax = Math.min(textBytesMax, sizeBytes, leftBytes);
      const text = digest === undefined || bytesMax === 0 ? undefined : await headOf(blobs, digest, bytesMax);
      if (text === undefined) continue;
      texts.set(id, text);
      leftBytes -= bytesMax;
    }
    return texts;
  };

  return async (messages) => {
    const parents = await readParents(db, present(messages.map(({ parentId }) => parentId)));
    const senders = [...messages, ...parents.values()].map(({ senderId }) => senderId);
    const names = await readNames(db, present(senders));
    const texts = await readTexts(messages);
    const nameOf = (id: string | null): string => names.get(id ?? "") ?? "";
    const replyTo = (id: string | null): RepliedTo | null => {
      const { senderId = null, ...parent } = parents.get(id ?? "") ?? {};
      return "excerpt" in parent ? { ...parent, senderName: nameOf(senderId) } : null;
    };
    return messages.map((message) => ({
      ...message,
      senderName: nameOf(message.senderId),
      replyTo: replyTo(message.parentId),
      attachments: message.attachments.map((attachment) => ({
        ...attachment,
        text: texts.get(attachment.id) ?? null,
      })),
    }));
  };
}

const present = (ids: readonly (string | null)[]): string[] => [
  ...new Set(ids.filter((id): id is string => id !== null)),
];

/** How a text begins, without half a character at the end; undefined when its bytes are gone. */
async function headOf(
  blobs: Pick<BlobStore, "open">,
  digest: string,
  bytesMax: number,
): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of await blobs.open(digest)) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes >= bytesMax) break;
    }
  } catch (error) {
    if (isAppError(error) && error.code === "artifact.not_found") return undefined;
    throw error;
  }
  const head = Buffer.concat(chunks).subarray(0, bytesMax);
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(head, { stream: true });
}
