import { endpoints } from "@agentvine/contracts";
import type { FastifyInstance } from "fastify";
import { route } from "../../http/route.ts";
import type { SubtaskService } from "./subtask.service.ts";

export function registerSubtaskRoutes(app: FastifyInstance, subtasks: SubtaskService): void {
  route(app, endpoints.tasks.createForAttempt, ({ actor, body, correlationId }) =>
    subtasks.propose(actor, body, correlationId),
  );
}
