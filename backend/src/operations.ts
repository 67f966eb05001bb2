import type { FastifyInstance } from "fastify";
import type { Database } from "./database/client.ts";
import { identify, requirePermission } from "./http/route.ts";
import { registerBoard } from "./jobs/board.routes.ts";
import type { JobQueue } from "./jobs/job-connection.ts";
import { registerMetrics } from "./metrics/metrics.ts";
import type { EventSequencer } from "./modules/events/index.ts";
import type { Realtime } from "./modules/realtime/index.ts";
import { registerStatsRoutes, type StatsService } from "./modules/stats/index.ts";

export interface OperationsDeps {
  server: FastifyInstance;
  database: Database;
  stats: StatsService;
  sequencer: EventSequencer;
  realtime: Pick<Realtime, "counts" | "cutOffs">;
  queues: () => readonly JobQueue[];
}

/** Registers what operators look at: statistics, metrics, and the board of the background queues. */
export function registerOperations({
  server,
  database,
  stats,
  sequencer,
  realtime,
  queues,
}: OperationsDeps): void {
  registerStatsRoutes(server, stats);
  registerMetrics(server, {
    readStats: () => stats.read(3_600),
    pools: { requests: database.pool, vital: database.vitalPool },
    eventLagSeconds: sequencer.lagSeconds,
    sockets: realtime,
  });
  registerBoard(server, {
    queues,
    guard: async (request, reply) => {
      await identify(server, request, reply);
      requirePermission(request.actor, "system:admin");
    },
  });
}
