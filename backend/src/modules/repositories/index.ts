export { registerRepositoryRoutes } from "./repository.routes.ts";
export { createRepositoryService, type RepositoryService } from "./repository.service.ts";
