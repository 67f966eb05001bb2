import { endpoints } from "@agentvine/contracts";
import type { FastifyInstance } from "fastify";
import { pageReply } from "../../http/page-reply.ts";
import { route } from "../../http/route.ts";
import type { AgentRequestService } from "./agent-request.service.ts";
import type { AnswerService } from "./answer.service.ts";
import type { RaiseService } from "./raise.service.ts";
import type { RequestListService } from "./request-list.service.ts";

export interface DecisionServices {
  raises: RaiseService;
  agentRequests: AgentRequestService;
  answers: AnswerService;
  lists: RequestListService;
}

export function registerDecisionRoutes(app: FastifyInstance, services: DecisionServices): void {
  const { raises, agentRequests, answers, lists } = services;
  const of = endpoints.workerRequests;
  route(app, of.raise, ({ actor, body }) => raises.raise(actor, body));
  route(app, of.wait, ({ actor, params, query, signal }) =>
    agentRequests.wait(actor, params.requestId, query, signal),
  );
  route(app, of.spend, ({ actor, params, body }) => agentRequests.spend(actor, params.requestId, body));
  route(app, of.withdraw, ({ actor, params, body }) => agentRequests.withdraw(actor, params.requestId, body));
  route(app, of.answer, ({ actor, params, body }) => answers.answer(actor, params.requestId, body));
  route(app, of.get, ({ params }) => lists.get(params.requestId));
  route(app, of.list, async ({ query, actor }) => pageReply(query, await lists.list(query, actor.userId)));
}
