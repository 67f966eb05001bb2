import { at, ids, pageOfOne } from "./sample-resources.ts";

const conversationId = "0192f0c1-7a10-7c11-8a01-000000000041";
const messageId = "0192f0c1-7a10-7c11-8a01-000000000042";
const attachmentId = "0192f0c1-7a10-7c11-8a01-000000000044";
const attachment = { id: attachmentId, name: "screen.png", contentType: "image/png", sizeBytes: 18_204 };
const params = { conversationId };
const messageParams = { messageId };
const conversation = {
  id: conversationId,
  taskId: ids.task,
  title: "",
  lastPosition: 1,
  createdAt: at(1),
  updatedAt: at(2),
};
const message = {
  id: messageId,
  conversationId,
  position: 1,
  changePosition: 1,
  replyCount: 0,
  parentId: null,
  senderKind: "person",
  senderId: ids.user,
  kind: "text",
  content: "Please keep the old name.",
  workerRequestId: null,
  attachments: [attachment],
  metadata: {},
  deliveryStatus: "queued",
  createdAt: at(2),
  editedAt: null,
};
const delivered = {
  ...{ ...message, deliveryStatus: "delivered", changePosition: 2 },
  senderName: "Ada",
  replyTo: { senderKind: "agent", senderName: "", excerpt: "I rename it." },
  attachments: [{ ...attachment, text: null }],
};

export const chatExamples = {
  createConversation: { body: { taskId: ids.task }, response: conversation },
  listConversations: { query: { taskId: ids.task }, response: pageOfOne(conversation) },
  getConversation: { params, response: conversation },
  listMessages: { params, query: { since: "0" }, response: { items: [message], next: 1 } },
  postMessage: {
    params,
    body: { content: message.content, attachmentIds: [attachmentId] },
    response: message,
  },
  editMessage: {
    params: messageParams,
    body: { content: "Keep both names." },
    response: { ...message, content: "Keep both names.", changePosition: 2, editedAt: at(3) },
  },
  withdrawMessage: {
    params: messageParams,
    response: {
      ...message,
      content: "",
      attachments: [],
      deliveryStatus: "withdrawn",
      changePosition: 2,
      editedAt: at(3),
    },
  },
  uploadAttachment: { params, query: { name: attachment.name }, response: attachment },
  downloadAttachment: { params: { attachmentId } },
  deleteAttachment: { params: { attachmentId } },
  takeMessages: {
    body: { workOrderId: ids.workOrder, attempt: 1, after: 0 },
    response: { items: [delivered] },
  },
  postAgentMessage: {
    body: { workOrderId: ids.workOrder, attempt: 1, messageId, content: "The old name stays." },
    response: {
      ...message,
      senderKind: "agent",
      senderId: ids.workOrder,
      content: "The old name stays.",
      attachments: [],
      deliveryStatus: null,
    },
  },
};
