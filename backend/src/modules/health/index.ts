export { registerHealthRoutes } from "./health.routes.ts";
export { createHealthService, type HealthService, type HealthServiceOptions } from "./health.service.ts";
export type { Probe } from "./health.ts";
