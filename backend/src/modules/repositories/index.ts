export { isPrivateHost } from "./private-address.ts";
export { registerRepositoryRoutes } from "./repository.routes.ts";
export { createRepositoryService, type RepositoryService } from "./repository.service.ts";
