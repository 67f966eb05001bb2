import type { SenderKind } from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import type { Tx } from "../../database/client.ts";
import { announce } from "./announce.service.ts";
import { drawForTask } from "./conversation.repository.ts";
import { insertMessage } from "./message.repository.ts";

/** Something that happened around a task, as its conversation shows it. */
export interface NewsMessage {
  taskId: string;
  /** Markdown. */
  content: string;
  senderKind: SenderKind;
  metadata: Record<string, unknown>;
}

/** Writes news into the conversation of a task, in the transaction that makes it true. Locks the conversation: after task and order. */
export async function recordNewsMessage(tx: Tx, { taskId, ...said }: NewsMessage): Promise<void> {
  const conversation = await drawForTask(tx, taskId, 1);
  if (conversation === undefined) return;
  const message = await insertMessage(tx, {
    ...said,
    ...{ kind: "event", senderId: null, id: newId() },
    ...{ conversationId: conversation.id, position: conversation.lastPosition },
  });
  await announce(tx, taskId, message);
}
