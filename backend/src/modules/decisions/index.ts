export { createAgentRequestService } from "./agent-request.service.ts";
export { createAnswerService } from "./answer.service.ts";
export type { DecidePort } from "./decide.port.ts";
export { registerDecisionRoutes } from "./decisions.routes.ts";
export { createRaiseService } from "./raise.service.ts";
export { createRequestListService } from "./request-list.service.ts";
export { createRequestSweeps } from "./request-sweeps.service.ts";
export type { ResumePort } from "./resume.port.ts";
export { createRequestsPort } from "./settle.service.ts";
