import { type EndpointShape, endpoints } from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";
import type { FastifyInstance } from "fastify";
import type { LagMeter } from "./lag-meter.ts";

const retryAfterSeconds = 5;

/**
 * What is answered however late: what tells whether we live, and what carries a lease. Refused heartbeats would cost the work of
 * everybody who is held up by us.
 */
const exempt: readonly EndpointShape[] = [
  endpoints.system.live,
  endpoints.system.ready,
  endpoints.system.health,
  endpoints.system.metrics,
  endpoints.workers.heartbeat,
  endpoints.queue.complete,
  endpoints.queue.fail,
  endpoints.queue.release,
  endpoints.queue.park,
];
const exemptRoutes = new Set(exempt.map(({ method, path }) => `${method} ${path}`));

/**
 * Refuses most requests while the event loop is late, before anything is done for them: answering a part in time is better than
 * answering everybody when nobody waits any more.
 */
export function registerLoadShedding(app: FastifyInstance, lag: Pick<LagMeter, "isOverloaded">): void {
  app.addHook("onRequest", async ({ method, routeOptions }) => {
    if (lag.isOverloaded() && !exemptRoutes.has(`${method} ${routeOptions.url}`)) {
      throw new AppError("server.overloaded", "The server can't keep up right now: try again in a moment.", {
        data: { retryAfterSeconds },
      });
    }
  });
}
