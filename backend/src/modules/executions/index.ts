export { registerExecutionRoutes } from "./execution.routes.ts";
export { createExecutionService, type ExecutionService, requireWritable } from "./execution.service.ts";
