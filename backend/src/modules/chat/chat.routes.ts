import { endpoints } from "@agentvine/contracts";
import type { FastifyInstance } from "fastify";
import { pageReply } from "../../http/page-reply.ts";
import { route } from "../../http/route.ts";
import type { AgentMessageService } from "./agent-message.service.ts";
import type { ChatService } from "./chat.service.ts";

export function registerChatRoutes(
  app: FastifyInstance,
  service: ChatService,
  agent: AgentMessageService,
): void {
  const { chat } = endpoints;
  route(app, chat.createConversation, ({ creationId, actor, body }) =>
    service.createConversation(creationId, actor, body),
  );
  route(app, chat.listConversations, async ({ query }) =>
    pageReply(query, await service.listConversations(query)),
  );
  route(app, chat.getConversation, ({ params }) => service.getConversation(params.conversationId));
  route(app, chat.listMessages, ({ params, query }) => service.listMessages(params.conversationId, query));
  route(app, chat.postMessage, ({ creationId, actor, params, body }) =>
    service.post(actor, { id: creationId, conversationId: params.conversationId }, body),
  );
  route(app, chat.editMessage, ({ actor, params, body }) =>
    service.edit(actor, params.messageId, body.content),
  );
  route(app, chat.withdrawMessage, ({ actor, params }) => service.withdraw(actor, params.messageId));
  route(app, chat.takeMessages, async ({ actor, body }) => ({ items: await agent.take(actor, body) }));
  route(app, chat.postAgentMessage, ({ actor, body }) => agent.postForAgent(actor, body));
}
