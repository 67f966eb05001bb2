export { createAgentMessageService } from "./agent-message.service.ts";
export { registerAttachmentRoutes } from "./attachment.routes.ts";
export { type AttachmentService, createAttachmentService } from "./attachment.service.ts";
export { registerChatRoutes } from "./chat.routes.ts";
export { createChatService } from "./chat.service.ts";
export { conversationChannel } from "./message.repository.ts";
export { recordNewsMessage } from "./news-message.service.ts";
export { recordAnswerMessage, recordRequestMessage } from "./request-message.service.ts";
