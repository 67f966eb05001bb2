export { registerExecutionRoutes } from "./execution.routes.ts";
export {
  createExecutionService,
  type ExecutionService,
  readableTask,
  requireReadable,
  requireWritable,
} from "./execution.service.ts";
