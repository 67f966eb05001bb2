export { registerContextRoutes } from "./context.routes.ts";
export { createContextService, proposeDocument, titleOfCited } from "./context.service.ts";
