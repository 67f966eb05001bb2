import { endpoints } from "@agentvine/contracts";
import type { FastifyInstance } from "fastify";
import { route } from "../../http/route.ts";
import type { StatsService } from "./stats.service.ts";

export function registerStatsRoutes(app: FastifyInstance, stats: StatsService): void {
  route(app, endpoints.system.stats, ({ query }) => stats.read(query.windowSeconds));
  route(app, endpoints.system.statsWaiting, ({ query }) => stats.waiting(query));
  route(app, endpoints.system.statsSeries, async ({ query }) => ({ items: await stats.series(query) }));
}
