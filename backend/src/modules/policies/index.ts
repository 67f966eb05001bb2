export { createActiveRulesService } from "./active-rules.service.ts";
export { createPastRequests } from "./past-request.repository.ts";
export { registerPolicyRoutes } from "./policy.routes.ts";
export { createPolicyService } from "./policy.service.ts";
export { proposeRule } from "./propose-rule.service.ts";
export { createRuleProposalService } from "./rule-proposal.service.ts";
export { createSimulationService } from "./simulation.service.ts";
