export { registerContextRoutes } from "./context.routes.ts";
export { createContextService, titleOfCited } from "./context.service.ts";
