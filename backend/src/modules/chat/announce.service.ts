import type { Message } from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";
import type { Tx } from "../../database/client.ts";
import { recordEvent } from "../events/index.ts";

export const unknownConversation = (): AppError =>
  new AppError("conversation.not_found", "There is no such conversation.");
export const unknownMessage = (): AppError => new AppError("message.not_found", "There is no such message.");

/** Tells everybody that somebody wrote. */
export async function announce(tx: Tx, taskId: string | null, message: Message): Promise<void> {
  const { id: messageId, conversationId, position, senderKind } = message;
  const data = { messageId, conversationId, position, senderKind };
  await recordEvent(tx, { type: "message.posted", taskId, data });
}
