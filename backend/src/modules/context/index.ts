export { registerContextRoutes } from "./context.routes.ts";
export { createContextService, findCited, proposeDocument } from "./context.service.ts";
