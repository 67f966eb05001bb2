import { endpoints, type Health } from "@agentvine/contracts";
import type { FastifyInstance, FastifyReply } from "fastify";
import { route } from "../../http/route.ts";
import type { HealthService } from "./health.service.ts";

/** A balancer reads the status alone. */
function withStatus(reply: FastifyReply, health: Health): Health {
  if (health.status === "down") {
    void reply.code(503);
  }
  return health;
}

export function registerHealthRoutes(app: FastifyInstance, health: HealthService): void {
  route(app, endpoints.system.live, async () => ({ status: "up" as const }));
  route(app, endpoints.system.ready, async ({ reply }) => withStatus(reply, await health.ready()));
  route(app, endpoints.system.health, async ({ reply }) => withStatus(reply, await health.health()));
  route(app, endpoints.system.about, () => health.about());
}
