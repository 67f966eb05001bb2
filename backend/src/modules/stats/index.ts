export { registerStatsRoutes } from "./stats.routes.ts";
export { createStatsService, type Retention, type StatsService } from "./stats.service.ts";
