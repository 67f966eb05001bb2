import type {
  Conversation,
  ConversationCreate,
  ConversationQuery,
  Message,
  MessageCreate,
  MessageQuery,
} from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";
import type { Actor } from "../../actor.ts";
import type { Page } from "../../database/bounded-count.ts";
import type { Db, Tx } from "../../database/client.ts";
import { inTransaction } from "../../database/transaction.ts";
import { insertCommand } from "../workers/index.ts";
import { announce, unknownConversation, unknownMessage } from "./announce.service.ts";
import { attachmentsOf, attachToMessage } from "./attachment.repository.ts";
import { unknownAttachment } from "./attachment.service.ts";
import {
  drawForTask,
  drawPositions,
  findConversation,
  insertConversation,
  listConversations,
} from "./conversation.repository.ts";
import {
  changeMessage,
  findMessage,
  findRunning,
  insertMessage,
  listMessages,
} from "./message.repository.ts";

/** Conversations and what is said in them. */
export function createChatService({ db, attachmentsMax }: { db: Db; attachmentsMax: number }) {
  async function getConversation(id: string): Promise<Conversation> {
    const conversation = await findConversation(db, id);
    if (conversation === undefined) throw unknownConversation();
    return conversation;
  }

  /** Changes one's own message under the lock of its conversation, as long as no agent has it. */
  const changeOwn = (
    actor: Actor,
    id: string,
    change: { content: string; deliveryStatus?: "withdrawn" },
  ): Promise<Message> =>
    inTransaction(db, async (tx) => {
      const seen = await findMessage(tx, id);
      if (seen === undefined) throw unknownMessage();
      const conversation = await drawPositions(tx, seen.conversationId, 1);
      const message = await findMessage(tx, id);
      if (conversation === undefined || message === undefined) throw unknownMessage();
      if (message.senderKind !== "person" || message.senderId !== actor.userId || message.kind !== "text")
        throw new AppError("message.not_own", "The message is somebody else's.");
      if (message.deliveryStatus === "delivered" || message.deliveryStatus === "withdrawn")
        throw new AppError("message.delivered", "The agent has taken the message, or it was withdrawn.");
      return await changeMessage(tx, message, { ...change, changePosition: conversation.lastPosition });
    });

  return {
    getConversation,

    /** @throws AppError `task.not_found` */
    createConversation: async (id: string, actor: Actor, body: ConversationCreate): Promise<Conversation> => {
      if ("title" in body)
        return await insertConversation(db, { id, title: body.title, createdBy: actor.userId });
      const drawn = await drawForTask(db, body.taskId, 0);
      if (drawn === undefined) throw new AppError("task.not_found", "There is no such task.");
      return await getConversation(drawn.id);
    },

    listConversations: (query: ConversationQuery): Promise<Page<Conversation>> =>
      listConversations(db, query),

    /** @throws AppError `conversation.not_found` */
    listMessages: async (id: string, query: MessageQuery): Promise<{ items: Message[]; next: number }> => {
      // Read first: what changes meanwhile comes again with `since`, rather than never.
      const { lastPosition } = await getConversation(id);
      const items = await listMessages(db, id, query);
      const next = query.since === undefined ? lastPosition : (items.at(-1)?.changePosition ?? query.since);
      return { items, next };
    },

    /**
     * Posts for a person. In the conversation of a task it waits for the agent, whose worker is told at once.
     * @throws AppError `conversation.not_found`, `message.not_found`, `attachment.not_found`, `attachment.limit_reached`
     */
    post: (
      actor: Actor,
      { id, conversationId }: { id: string; conversationId: string },
      { content, parentId, attachmentIds }: MessageCreate,
    ): Promise<Message> => {
      if (attachmentIds.length > attachmentsMax)
        throw new AppError(
          "attachment.limit_reached",
          `A message takes at most ${attachmentsMax} attachments.`,
        );
      return inTransaction(db, async (tx) => {
        const conversation = await drawPositions(tx, conversationId, 1);
        if (conversation === undefined) throw unknownConversation();
        if (parentId !== null && (await findMessage(tx, parentId))?.conversationId !== conversationId)
          throw unknownMessage();
        const { taskId, lastPosition: position } = conversation;
        const inserted = await insertMessage(tx, {
          ...{ id, conversationId, position, parentId, content },
          ...{ senderKind: "person", senderId: actor.userId, kind: "text" },
          deliveryStatus: taskId === null ? null : "queued",
        });
        const message = await attach(tx, inserted, attachmentIds, actor.userId);
        await announce(tx, taskId, message);
        if (taskId !== null) await nudge(tx, taskId);
        return message;
      });
    },

    /** @throws AppError `message.not_found`, `message.not_own`, `message.delivered` */
    edit: (actor: Actor, id: string, content: string): Promise<Message> => changeOwn(actor, id, { content }),

    /** @throws AppError `message.not_found`, `message.not_own`, `message.delivered` */
    withdraw: (actor: Actor, id: string): Promise<Message> =>
      changeOwn(actor, id, { content: "", deliveryStatus: "withdrawn" }),
  };
}

export type ChatService = ReturnType<typeof createChatService>;

/** @throws AppError `attachment.not_found` when one of the uploads is not there to be sent */
async function attach(
  tx: Tx,
  message: Message,
  attachmentIds: readonly string[],
  uploadedBy: string,
): Promise<Message> {
  if (attachmentIds.length === 0) return message;
  const { id: messageId, conversationId } = message;
  const wanted = [...new Set(attachmentIds)];
  if ((await attachToMessage(tx, wanted, { messageId, conversationId, uploadedBy })) < wanted.length)
    throw unknownAttachment();
  return { ...message, attachments: (await attachmentsOf(tx, [messageId])).get(messageId) ?? [] };
}

/** Tells the worker that runs the task's agent, if one does; otherwise the next run begins with what waits. */
async function nudge(tx: Tx, taskId: string): Promise<void> {
  const running = await findRunning(tx, taskId);
  if (running === undefined || running.workerId === null || running.instanceId === null) return;
  const { workerId, instanceId, workOrderId, attempt } = running;
  await insertCommand(tx, {
    ...{ workerId, instanceId, workOrderId, attempt },
    ...{ type: "message", reason: "a person wrote to the agent" },
  });
}
