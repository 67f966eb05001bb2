import { endpoints } from "@agentvine/contracts";
import type { FastifyInstance } from "fastify";
import { pageReply } from "../../http/page-reply.ts";
import { route } from "../../http/route.ts";
import type { PolicyService } from "./policy.service.ts";
import type { RuleProposalService } from "./rule-proposal.service.ts";
import type { SimulationService } from "./simulation.service.ts";

export interface PolicyRouteDeps {
  policies: PolicyService;
  simulations: SimulationService;
  proposals: RuleProposalService;
}

export function registerPolicyRoutes(
  app: FastifyInstance,
  { policies, simulations, proposals }: PolicyRouteDeps,
): void {
  route(app, endpoints.policies.list, async ({ query }) => pageReply(query, await policies.list(query)));
  route(app, endpoints.policies.active, () => policies.active());
  route(app, endpoints.policies.get, ({ params }) => policies.get(params.version));
  route(app, endpoints.policies.diff, ({ params, query }) => policies.diff(params.version, query.against));
  route(app, endpoints.policies.create, ({ body: { yaml, ...change }, actor, correlationId }) =>
    policies.create(yaml, { ...change, userId: actor.userId, correlationId }),
  );
  route(app, endpoints.policies.activate, ({ params, body, actor, correlationId }) =>
    policies.restore(params.version, { ...body, userId: actor.userId, correlationId }),
  );
  route(app, endpoints.policies.proposals, async ({ query }) =>
    pageReply(query, await proposals.list(query)),
  );
  route(app, endpoints.policies.proposal, ({ params, query }) => proposals.get(params.proposalId, query));
  route(app, endpoints.policies.acceptProposal, ({ params, body, actor, correlationId }) =>
    proposals.accept(params.proposalId, { ...body, userId: actor.userId, correlationId }),
  );
  route(app, endpoints.policies.dismissProposal, ({ params, body, actor, correlationId }) =>
    proposals.dismiss(params.proposalId, { ...body, userId: actor.userId, correlationId }),
  );
  route(app, endpoints.policies.simulate, ({ body }) => simulations.simulate(body));
}
