export { createAgentMessageService } from "./agent-message.service.ts";
export { registerChatRoutes } from "./chat.routes.ts";
export { type ChatService, createChatService } from "./chat.service.ts";
export { type RequestMessage, recordAnswerMessage, recordRequestMessage } from "./request-message.ts";
