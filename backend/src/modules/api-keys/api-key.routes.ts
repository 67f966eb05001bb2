import { endpoints } from "@agentvine/contracts";
import type { FastifyInstance } from "fastify";
import { route } from "../../http/route.ts";
import type { ApiKeyService } from "./api-key.service.ts";

export function registerApiKeyRoutes(app: FastifyInstance, apiKeys: ApiKeyService): void {
  route(app, endpoints.system.createApiKey, ({ body, actor }) =>
    apiKeys.create({ ...body, createdBy: actor.userId }),
  );
  route(app, endpoints.system.rotateApiKey, ({ params, body, actor }) =>
    apiKeys.rotate({ id: params.apiKeyId, ...body, createdBy: actor.userId }),
  );
  route(app, endpoints.system.listApiKeys, async () => ({ items: await apiKeys.list() }));
  route(app, endpoints.system.revokeApiKey, ({ params }) => apiKeys.revoke(params.apiKeyId));
}
