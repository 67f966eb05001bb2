import { endpoints } from "@agentvine/contracts";
import type { FastifyInstance } from "fastify";
import { route } from "../../http/route.ts";
import type { Secrets } from "./secret.service.ts";

export function registerSecretRoutes(app: FastifyInstance, secrets: Pick<Secrets, "state" | "rotate">): void {
  route(app, endpoints.secrets.state, () => secrets.state());
  route(app, endpoints.secrets.rotate, ({ body }) => secrets.rotate(body));
}
