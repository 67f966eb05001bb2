import { endpoints } from "@agentvine/contracts";
import type { FastifyInstance } from "fastify";
import { pageReply } from "../../http/page-reply.ts";
import { route } from "../../http/route.ts";
import type { RepositoryService } from "./repository.service.ts";

export function registerRepositoryRoutes(app: FastifyInstance, repositories: RepositoryService): void {
  route(app, endpoints.repositories.create, ({ body, correlationId }) =>
    repositories.create(body, correlationId),
  );
  route(app, endpoints.repositories.list, async ({ query }) =>
    pageReply(query, await repositories.list(query)),
  );
  route(app, endpoints.repositories.get, ({ params }) => repositories.get(params.repositoryId));
  route(app, endpoints.repositories.update, ({ params, body, correlationId }) =>
    repositories.update(params.repositoryId, body, correlationId),
  );
  route(app, endpoints.repositories.delete, ({ params, correlationId }) =>
    repositories.delete(params.repositoryId, correlationId),
  );
}
