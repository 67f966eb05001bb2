export { listAble } from "./ability.repository.ts";
export { insertCommand } from "./command.repository.ts";
export { createCommandService } from "./command.service.ts";
export { createHeartbeatService } from "./heartbeat.service.ts";
export { createKeyedWaiters } from "./keyed-waiters.ts";
export type { LeasePort } from "./lease.port.ts";
export { findWorker, freeSlot } from "./worker.repository.ts";
export { registerWorkerRoutes } from "./worker.routes.ts";
export {
  assertOwnKey,
  createWorkerService,
  unknownWorker,
  type WorkerService,
} from "./worker.service.ts";
export { explainNoWorker, type Requirement } from "./worker.ts";
