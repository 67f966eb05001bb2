export {
  baseBranchOf,
  blockedDependents,
  dependenciesOf,
  judgeBlocked,
  shareDependencies,
} from "./dependency.repository.ts";
export { createDependencyService } from "./dependency.service.ts";
export type { DispatchPort } from "./dispatch.port.ts";
export { createReviewService, type ReadArtifactText } from "./review.service.ts";
export { registerTaskRoutes } from "./task.routes.ts";
export { createTaskService, type TaskService } from "./task.service.ts";
export { insertTask } from "./task-insert.repository.ts";
export { annotateTask, moveTask, moveTasksToQueued } from "./task-move.repository.ts";
export { assertOwnTask } from "./task-owner.ts";
export {
  lockTask,
  lockTasks,
  type TaskRow,
  type TaskRowWithDependencies,
  taskShape,
  toTask,
} from "./task-row.repository.ts";
