import { endpoints } from "@agentvine/contracts";
import type { FastifyInstance } from "fastify";
import { route } from "../../http/route.ts";
import type { InboxListService } from "./inbox.service.ts";

export function registerInboxRoutes(app: FastifyInstance, inbox: InboxListService): void {
  route(app, endpoints.inbox.list, ({ query, actor }) => inbox.list(query, actor.userId));
}
