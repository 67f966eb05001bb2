export { registerControllerRoutes } from "./controller.routes.ts";
export { type ControllerService, createControllerService } from "./controller.service.ts";
