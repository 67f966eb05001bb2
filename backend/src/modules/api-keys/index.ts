export { apiKeyChannel, hasLiveKey } from "./api-key.repository.ts";
export { registerApiKeyRoutes } from "./api-key.routes.ts";
export { type ApiKeyService, createApiKeyService } from "./api-key.service.ts";
export { isApiKey } from "./api-key.ts";
