import { endpoints } from "@agentvine/contracts";
import type { FastifyInstance } from "fastify";
import { route } from "../../http/route.ts";
import type { ControllerService } from "./controller.service.ts";

export function registerControllerRoutes(app: FastifyInstance, controllers: ControllerService): void {
  const of = endpoints.controllers;
  route(app, of.register, ({ actor, body }) => controllers.register(actor, body));
  route(app, of.heartbeat, ({ actor, params, body }) =>
    controllers.heartbeat(actor, params.controllerId, body),
  );
  route(app, of.deregister, ({ actor, params, body }) =>
    controllers.deregister(actor, params.controllerId, body.instanceId),
  );
  route(app, of.list, async () => ({ items: await controllers.list() }));
}
