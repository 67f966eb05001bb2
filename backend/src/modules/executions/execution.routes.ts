import { endpoints } from "@agentvine/contracts";
import type { FastifyInstance } from "fastify";
import { pageReply } from "../../http/page-reply.ts";
import { route } from "../../http/route.ts";
import type { ExecutionService } from "./execution.service.ts";

export function registerExecutionRoutes(app: FastifyInstance, executions: ExecutionService): void {
  route(app, endpoints.executions.list, async ({ actor, query }) =>
    pageReply(query, await executions.list(actor, query)),
  );
  route(app, endpoints.executions.get, ({ actor, params }) => executions.get(actor, params.executionId));
  route(app, endpoints.executions.logs, ({ actor, params, query }) =>
    executions.logs(actor, params.executionId, query),
  );
  route(app, endpoints.executions.appendLog, ({ actor, params, body }) =>
    executions.appendLog(actor, params.executionId, body),
  );
  route(app, endpoints.executions.progress, ({ actor, params, body }) =>
    executions.progress(actor, params.executionId, body),
  );
}
