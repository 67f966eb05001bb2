import { endpoints } from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import { approvalOf } from "./request-fixture.ts";
import { withBody } from "./request-input.ts";
import type { RequestSteps } from "./request-steps.ts";

// Valid requests for the endpoints of the decision plane.

export const workerRequestsRequests = ({ fixture, asking, running, asked, precedent }: RequestSteps) => ({
  raise: async () => {
    const { ref, token } = await running();
    const approval = approvalOf("make it");
    const options = [{ id: "a", label: "b", description: "c" }];
    const call = { callId: newId(), kind: "approval", question: "q", reason: "r" };
    return {
      token,
      body: { ...ref, ...call, options, approval: { ...approval, diff: "d", steps: ["s"] } },
    };
  },
  wait: async () => {
    const { ref, token, request } = await asked();
    return { token, params: { requestId: request.id }, query: { ...ref, waitSeconds: 0 } };
  },
  spend: async () => {
    const { ref, token, request } = await asked();
    await asking.answer(request, { decision: "allow" });
    const call = { tool: "run_command", arguments: { command: "make it" } };
    return { token, params: { requestId: request.id }, body: { ...ref, ...call } };
  },
  withdraw: async () => {
    const { ref, token, request } = await asked();
    return { token, params: { requestId: request.id }, body: { ...ref, reason: "r" } };
  },
  list: async () => ({
    query: {
      ...{ page: 1, pageSize: 5, status: "human", kind: "approval", isLive: "true", isOverdue: "true" },
      ...{ taskId: newId(), repositoryId: newId(), assignedTo: "me", search: "x" },
      ...{ isMine: "true", alikeTo: newId(), sort: "priority", order: "asc" },
    },
  }),
  get: async () => ({ params: { requestId: (await asked()).request.id } }),
  answer: async () => ({
    params: { requestId: (await asked()).request.id },
    body: { generation: 1, decision: "allow", scope: "task", editedCommand: "ls", comment: "c" },
  }),
  bulkAnswer: async () => ({
    body: {
      requests: [{ id: (await asked()).request.id, generation: 1 }],
      ...{ decision: "allow", scope: "task", editedCommand: "ls", comment: "c" },
    },
  }),
  delegate: async () => ({
    params: { requestId: (await asked()).request.id },
    body: { assignedTo: fixture.app.local.userId, comment: "c" },
  }),
  // They need a controller's key; their own tests ask what they make of hostile bodies.
  claim: null,
  renew: null,
  answerAutomated: null,
  handOver: null,
  proposeDocument: null,
  precedentsFor: null,
  precedents: async () => ({
    query: { page: 1, pageSize: 5, repositoryId: newId(), isRevoked: "true", search: "x" },
  }),
  revokePrecedent: async () => ({ params: { precedentId: await precedent() } }),
});

export const controllersRequests = ({ controller, registeredController }: RequestSteps) => ({
  register: async () => ({
    body: { ...controller(), version: "1", model: "a/b", isScripted: true },
  }),
  heartbeat: async () => {
    const { params, instanceId } = await registeredController();
    return { params, body: withBody(endpoints.controllers.heartbeat, { instanceId, fault: "f" }) };
  },
  deregister: async () => {
    const { params, instanceId } = await registeredController();
    return { params, body: { instanceId } };
  },
  list: async () => ({}),
});

export const policiesRequests = ({ policyChange, ruleProposal }: RequestSteps) => ({
  list: async () => ({ query: { page: 1, pageSize: 5 } }),
  active: async () => ({}),
  get: async () => ({ params: { version: 1 } }),
  diff: async () => ({ params: { version: 1 }, query: { against: 1 } }),
  create: async () => ({ body: await policyChange({ yaml: "rules: []" }) }),
  activate: async () => ({ params: { version: 1 }, body: await policyChange() }),
  simulate: async () => ({
    body: { yaml: "rules: []", limit: 5, repositoryId: newId(), onlyChanges: true },
  }),
  proposals: async () => ({ query: { page: 1, pageSize: 5, status: "open", repositoryId: newId() } }),
  proposal: async () => ({ params: { proposalId: await ruleProposal() }, query: { limit: 5 } }),
  acceptProposal: async () => ({
    params: { proposalId: await ruleProposal() },
    body: await policyChange(),
  }),
  dismissProposal: async () => ({ params: { proposalId: await ruleProposal() }, body: { comment: "c" } }),
});
