import type { FastifyInstance } from "fastify";
import type { Database } from "./database/client.ts";
import { createAgentMessageService, createChatService, registerChatRoutes } from "./modules/chat/index.ts";
import { createContextService, registerContextRoutes } from "./modules/context/index.ts";
import type { RepositoryService } from "./modules/repositories/index.ts";

export interface TalkDeps {
  server: FastifyInstance;
  database: Database;
  repositories: Pick<RepositoryService, "get">;
}

/** Wires what people and agents tell each other: conversations and context documents. */
export function wireTalk({ server, database, repositories }: TalkDeps): void {
  const { db } = database;
  const chat = createChatService({ db });
  registerChatRoutes(server, chat, createAgentMessageService({ db }));
  registerContextRoutes(server, createContextService({ db, hasRepository: (id) => repositories.get(id) }));
}
