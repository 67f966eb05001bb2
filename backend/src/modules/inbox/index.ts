export { registerInboxRoutes } from "./inbox.routes.ts";
export { createInboxListService } from "./inbox.service.ts";
