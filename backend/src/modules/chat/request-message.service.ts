import type { SenderKind } from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import type { Tx } from "../../database/client.ts";
import { drawForTask } from "./conversation.repository.ts";
import { insertMessage } from "./message.repository.ts";

/** A worker request or its answer, as the conversation shows it. */
export interface RequestMessage {
  taskId: string;
  workerRequestId: string;
  /** Markdown. */
  content: string;
  senderKind: SenderKind;
  senderId: string | null;
  metadata?: Record<string, unknown>;
}

async function record(tx: Tx, kind: "request" | "answer", message: RequestMessage): Promise<void> {
  const { taskId, ...said } = message;
  const conversation = await drawForTask(tx, taskId, 1);
  if (conversation === undefined) return;
  await insertMessage(tx, {
    ...said,
    ...{ kind, id: newId(), conversationId: conversation.id, position: conversation.lastPosition },
  });
}

/**
 * Writes a worker request into the conversation of its task, in the transaction that raises it. Locks the conversation: after task, order
 * and request.
 */
export const recordRequestMessage = (tx: Tx, message: RequestMessage): Promise<void> =>
  record(tx, "request", message);

/** Writes the answer to a worker request into the conversation of its task, as `recordRequestMessage` does. */
export const recordAnswerMessage = (tx: Tx, message: RequestMessage): Promise<void> =>
  record(tx, "answer", message);
