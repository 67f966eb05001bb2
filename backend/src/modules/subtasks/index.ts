export { registerSubtaskRoutes } from "./subtask.routes.ts";
export { createSubtaskService } from "./subtask.service.ts";
