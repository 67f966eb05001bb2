import { endpoints } from "@agentvine/contracts";
import type { FastifyInstance } from "fastify";
import { pageReply } from "../../http/page-reply.ts";
import { route } from "../../http/route.ts";
import type { ExecutionService } from "./execution.service.ts";

export function registerExecutionRoutes(app: FastifyInstance, executions: ExecutionService): void {
  route(app, endpoints.executions.list, async ({ query }) => pageReply(query, await executions.list(query)));
  route(app, endpoints.executions.get, ({ params }) => executions.get(params.executionId));
  route(app, endpoints.executions.logs, ({ params, query }) => executions.logs(params.executionId, query));
  route(app, endpoints.executions.appendLog, ({ actor, params, body }) =>
    executions.appendLog(actor, params.executionId, body),
  );
  route(app, endpoints.executions.progress, ({ actor, params, body }) =>
    executions.progress(actor, params.executionId, body),
  );
}
