import { endpoints } from "@agentvine/contracts";
import type { FastifyInstance } from "fastify";
import { pageReply } from "../../http/page-reply.ts";
import { route } from "../../http/route.ts";
import type { AgentRequestService } from "./agent-request.service.ts";
import type { AnswerService } from "./answer.service.ts";
import type { AutomatedAnswerService } from "./automated-answer.service.ts";
import type { InboxService } from "./inbox.service.ts";
import type { ProposeDocumentService } from "./propose-document.service.ts";
import type { RaiseService } from "./raise.service.ts";
import type { RequestLeaseService } from "./request-lease.service.ts";
import type { RequestListService } from "./request-list.service.ts";

export interface DecisionServices {
  raises: RaiseService;
  agentRequests: AgentRequestService;
  answers: AnswerService;
  lists: RequestListService;
  inbox: InboxService;
  leases: RequestLeaseService;
  automated: AutomatedAnswerService;
  proposals: ProposeDocumentService;
}

export function registerDecisionRoutes(app: FastifyInstance, services: DecisionServices): void {
  const { raises, agentRequests, answers, lists, inbox, leases, automated, proposals } = services;
  const of = endpoints.workerRequests;
  route(app, of.raise, ({ actor, body }) => raises.raise(actor, body));
  route(app, of.wait, ({ actor, params, query, signal }) =>
    agentRequests.wait(actor, params.requestId, query, signal),
  );
  route(app, of.spend, ({ actor, params, body }) => agentRequests.spend(actor, params.requestId, body));
  route(app, of.withdraw, ({ actor, params, body }) => agentRequests.withdraw(actor, params.requestId, body));
  route(app, of.answer, ({ actor, params, body }) => answers.answer(actor, params.requestId, body));
  route(app, of.bulkAnswer, ({ actor, body }) => inbox.answerAll(actor, body));
  route(app, of.delegate, ({ actor, params, body }) => inbox.delegate(actor, params.requestId, body));
  route(app, of.claim, ({ actor, body, signal }) => leases.claim(actor, body, signal));
  route(app, of.renew, ({ actor, params, body }) => leases.renew(actor, params.requestId, body));
  route(app, of.answerAutomated, ({ actor, params, body }) =>
    automated.answer(actor, params.requestId, body),
  );
  route(app, of.proposeDocument, ({ actor, params, body }) =>
    proposals.propose(actor, params.requestId, body),
  );
  route(app, of.handOver, ({ actor, params, body }) => automated.handOver(actor, params.requestId, body));
  route(app, of.precedentsFor, async ({ actor, params, query }) => ({
    items: await leases.precedentsFor(actor, params.requestId, query),
  }));
  route(app, of.precedents, async ({ query }) => pageReply(query, await lists.precedents(query)));
  route(app, of.revokePrecedent, ({ actor, params }) =>
    lists.revokePrecedent(params.precedentId, actor.userId),
  );
  route(app, of.get, ({ params }) => lists.get(params.requestId));
  route(app, of.list, async ({ query, actor }) => pageReply(query, await lists.list(query, actor.userId)));
}
