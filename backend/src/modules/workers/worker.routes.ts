import { endpoints } from "@agentvine/contracts";
import type { FastifyInstance } from "fastify";
import { pageReply } from "../../http/page-reply.ts";
import { route } from "../../http/route.ts";
import type { CommandService } from "./command.service.ts";
import type { HeartbeatService } from "./heartbeat.service.ts";
import type { WorkerService } from "./worker.service.ts";

export interface WorkerRouteServices {
  workers: WorkerService;
  heartbeats: HeartbeatService;
  commands: CommandService;
}

export function registerWorkerRoutes(
  app: FastifyInstance,
  { workers, heartbeats, commands }: WorkerRouteServices,
): void {
  route(app, endpoints.workers.register, ({ actor, body }) => workers.register(actor, body));
  route(app, endpoints.workers.list, async ({ query }) => pageReply(query, await workers.list(query)));
  route(app, endpoints.workers.get, ({ params }) => workers.get(params.workerId));
  route(app, endpoints.workers.heartbeat, ({ actor, params, body }) =>
    heartbeats.beat(actor, params.workerId, body),
  );
  route(app, endpoints.workers.commands, async ({ actor, params, query, signal }) => ({
    items: await commands.poll({
      actor,
      workerId: params.workerId,
      instanceId: query.instanceId,
      after: query.after,
      waitMs: query.waitSeconds * 1_000,
      signal,
    }),
  }));
  route(app, endpoints.workers.metrics, ({ params, query }) => workers.metrics(params.workerId, query.limit));
  route(app, endpoints.workers.drain, ({ params, body }) => workers.drain(params.workerId, body.reason));
  route(app, endpoints.workers.deregister, ({ actor, params, query }) =>
    workers.deregister(actor, params.workerId, query.force === "true"),
  );
}
