import { endpoints } from "@agentvine/contracts";
import type { FastifyInstance } from "fastify";
import { pageReply } from "../../http/page-reply.ts";
import { route } from "../../http/route.ts";
import type { ContextService } from "./context.service.ts";

export function registerContextRoutes(app: FastifyInstance, documents: ContextService): void {
  const { context } = endpoints;
  route(app, context.create, ({ creationId, actor, body }) => documents.create(creationId, actor, body));
  route(app, context.list, async ({ query }) => pageReply(query, await documents.list(query)));
  route(app, context.get, ({ params, query }) => documents.get(params.documentId, query.version));
  route(app, context.update, ({ params, actor, body }) => documents.update(params.documentId, actor, body));
  route(app, context.versions, async ({ params }) => ({
    items: await documents.versions(params.documentId),
  }));
  route(app, context.diff, ({ params, query }) => documents.diff(params.documentId, query));
  route(app, context.tags, async () => ({ items: await documents.tags() }));
  route(app, context.match, async ({ query }) => ({ items: await documents.match(query) }));
  route(app, context.forAttempt, async ({ actor, body }) => ({
    items: await documents.forAttempt(actor, body),
  }));
  route(app, context.documentForAttempt, ({ actor, body }) => documents.documentForAttempt(actor, body));
}
