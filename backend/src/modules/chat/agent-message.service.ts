import type { AgentMessage, AgentMessageCreate, AgentMessagesTake, Message } from "@agentvine/contracts";
import type { Actor } from "../../actor.ts";
import type { BlobStore } from "../../blobs/blob-store.ts";
import type { Db } from "../../database/client.ts";
import { inTransaction } from "../../database/transaction.ts";
import { assertOwnAttempt, lockHeldWork } from "../queue/index.ts";
import { createAgentView } from "./agent-view.service.ts";
import { announce, unknownConversation, unknownMessage } from "./announce.service.ts";
import { drawForTask, drawPositions } from "./conversation.repository.ts";
import { findMessage, insertMessage, listForAgent, markDelivered } from "./message.repository.ts";

/** What a running agent hears and says in the conversation of its task. */
export function createAgentMessageService({ db, blobs }: { db: Db; blobs: Pick<BlobStore, "open"> }) {
  const view = createAgentView({ db, blobs });
  return {
    /**
     * Hands what people wrote to the attempt that holds the lease: everything behind the message that its agent remembers, so that one
     * that lost its memory, or a reply, is told again. From then on a message can't be changed.
     * @throws AppError `work_order.lease_lost`
     */
    take: async (actor: Actor, { after, ...ref }: AgentMessagesTake): Promise<AgentMessage[]> => {
      assertOwnAttempt(actor, ref);
      const taken = await inTransaction(db, async (tx) => {
        const { task } = await lockHeldWork(tx, ref);
        const conversation = await drawForTask(tx, task.id, 0);
        if (conversation === undefined) return [];
        const { id: conversationId, lastPosition } = conversation;
        const messages = await listForAgent(tx, { conversationId, after });
        const ids = messages.flatMap(({ id, deliveryStatus }) => (deliveryStatus === "queued" ? [id] : []));
        if (ids.length === 0) return messages;
        await markDelivered(tx, { conversationId, after: lastPosition, ids }, ref);
        await drawPositions(tx, conversationId, ids.length);
        return await listForAgent(tx, { conversationId, after });
      });
      return await view(taken);
    },

    /** Posts for the agent. @throws AppError `work_order.lease_lost` */
    postForAgent: (actor: Actor, { messageId, content, ...ref }: AgentMessageCreate): Promise<Message> => {
      assertOwnAttempt(actor, ref);
      return inTransaction(db, async (tx) => {
        const { task } = await lockHeldWork(tx, ref);
        const conversation = await drawForTask(tx, task.id, 1);
        if (conversation === undefined) throw unknownConversation();
        const earlier = await findMessage(tx, messageId);
        if (earlier !== undefined) {
          if (earlier.conversationId !== conversation.id || earlier.senderId !== ref.workOrderId)
            throw unknownMessage();
          return earlier;
        }
        const message = await insertMessage(tx, {
          ...{ id: messageId, conversationId: conversation.id, position: conversation.lastPosition },
          ...{ senderKind: "agent", senderId: ref.workOrderId, kind: "text", content },
          metadata: { attempt: ref.attempt },
        });
        await announce(tx, task.id, message);
        return message;
      });
    },
  };
}

export type AgentMessageService = ReturnType<typeof createAgentMessageService>;
