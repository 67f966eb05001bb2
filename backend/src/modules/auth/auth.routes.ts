import { endpoints } from "@agentvine/contracts";
import type { FastifyInstance } from "fastify";
import { route } from "../../http/route.ts";
import type { AuthService } from "./auth.service.ts";

export function registerAuthRoutes(app: FastifyInstance, auth: AuthService): void {
  route(app, endpoints.system.createLocalLink, () => auth.createLocalLink());
  route(app, endpoints.system.openLocalLink, async ({ query, reply }) => {
    void reply.header("set-cookie", await auth.openLocalLink(query.code)).header("location", "/");
    return "";
  });
}
