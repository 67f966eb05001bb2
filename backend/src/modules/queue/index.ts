export { type AttemptService, createAttemptService } from "./attempt.service.ts";
export { type ClaimService, createClaimService } from "./claim.service.ts";
export { dispatch } from "./dispatch.service.ts";
export { createLeases } from "./lease.service.ts";
export { createOrderService, type OrderService } from "./order.service.ts";
export { registerQueueRoutes } from "./queue.routes.ts";
export { startSweeps, sweepIntervalMs } from "./reaper.loop.ts";
export { createReaperService } from "./reaper.service.ts";
export { defaultRetryPolicy } from "./retry-policy.ts";
