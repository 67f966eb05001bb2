import { at, ids, pageOfOne } from "./sample-resources.ts";

const requestId = "0192f0c1-7a10-7c11-8a01-000000000031";
const controllerId = "0192f0c1-7a10-7c11-8a01-000000000032";
const documentId = "0192f0c1-7a10-7c11-8a01-000000000033";
const params = { requestId };
const attempt = { workOrderId: ids.workOrder, attempt: 1 };

const approval = {
  subject: "tool_call",
  tool: "run_command",
  toolClass: "network",
  arguments: { command: "npm install left-pad" },
  command: "npm install left-pad",
  paths: [],
  diff: null,
  steps: [],
};

const workerRequest = {
  id: requestId,
  taskId: ids.task,
  taskTitle: "Cart totals are a cent short",
  taskType: "bugfix",
  taskPriority: "normal",
  permissionLevel: "supervised",
  repositoryId: ids.repository,
  repositoryUrl: "https://example.org/corner-shop.git",
  ...attempt,
  executionId: ids.execution,
  workerName: "worker-1",
  generation: 1,
  kind: "approval",
  status: "human",
  question: "run_command (network): npm install left-pad",
  reason: "The padding needs a library.",
  options: [],
  approval,
  ruleId: "everything-else",
  policyVersion: 1,
  routeReason: "A person decides.",
  assignedTo: null,
  escalations: 0,
  deadlineAt: at(50),
  onTimeout: "deny",
  isParked: false,
  conversationId: null,
  answer: null,
  raisedAt: at(5),
  settledAt: null,
  deliveredAt: null,
  spentAt: null,
  waitedMs: 60_000,
  waitedForPeopleMs: 60_000,
  alikeGroup: "1c5f2b7d90aa4e31",
  alikeCount: 2,
};

const answered = {
  ...workerRequest,
  status: "answered",
  answer: {
    source: "person",
    sourceId: ids.user,
    by: "Local user",
    decision: "allow",
    choice: null,
    text: "",
    editedCommand: null,
    scope: "once",
    ruleProposal: null,
    citations: [],
    confidence: null,
    reason: "fine",
    usage: null,
    answeredAt: at(6),
  },
  settledAt: at(6),
  alikeCount: 0,
};

const question = {
  ...workerRequest,
  kind: "clarification",
  status: "automated",
  question: "Are prices rounded per line or per cart?",
  approval: null,
  ruleId: "clarifications-of-autonomous-tasks",
  onTimeout: "no_answer",
};

const lease = { controllerId, leaseToken: "avr_4mWq", generation: 1 };

const precedentId = "0192f0c1-7a10-7c11-8a01-000000000034";
const precedent = {
  id: precedentId,
  repositoryId: ids.repository,
  kind: "clarification",
  question: question.question,
  options: [],
  choice: null,
  text: "Per line, half up.",
  workerRequestId: requestId,
  answeredBy: "Local user",
  uses: 2,
  createdAt: at(6),
  revokedAt: null,
  revokedBy: "",
};

export const workerRequestExamples = {
  precedents: { query: { search: "rounded" }, response: pageOfOne(precedent) },
  precedentsFor: {
    params,
    query: { controllerId, leaseToken: lease.leaseToken },
    response: { items: [precedent] },
  },
  revokePrecedent: {
    params: { precedentId },
    response: { ...precedent, revokedAt: at(9), revokedBy: "Local user" },
  },
  raise: {
    body: {
      ...attempt,
      callId: "call-7",
      kind: "approval",
      question: workerRequest.question,
      reason: workerRequest.reason,
      approval,
    },
    response: workerRequest,
  },
  wait: { params, query: { ...attempt, waitSeconds: 25 }, response: answered },
  spend: {
    params,
    body: { ...attempt, tool: "run_command", arguments: approval.arguments },
    response: { ...answered, spentAt: at(7), deliveredAt: at(7) },
  },
  withdraw: {
    params,
    body: { ...attempt, reason: "found another way" },
    response: { ...workerRequest, status: "cancelled", settledAt: at(6) },
  },
  list: { query: { isLive: "true", kind: "approval" }, response: pageOfOne(workerRequest) },
  get: { params, response: workerRequest },
  answer: { params, body: { generation: 1, decision: "allow", comment: "fine" }, response: answered },
  bulkAnswer: {
    body: { requests: [{ id: requestId, generation: 1 }], decision: "allow", comment: "fine" },
    response: { items: [{ id: requestId, request: answered, error: null }] },
  },
  delegate: {
    params,
    body: { assignedTo: ids.user, comment: "you know the shop" },
    response: { ...workerRequest, assignedTo: ids.user },
  },
  claim: {
    body: { controllerId, instanceId: ids.instance, waitSeconds: 25 },
    response: {
      request: question,
      leaseToken: lease.leaseToken,
      leaseMs: 6_000,
      task: {
        id: ids.task,
        title: workerRequest.taskTitle,
        description: "",
        type: "bugfix",
        branchName: null,
      },
      correlationId: "0192f0c1-req",
    },
  },
  renew: { params, body: lease, response: { leaseMs: 6_000 } },
  answerAutomated: {
    params,
    body: {
      ...lease,
      text: "Per line, half up.",
      confidence: 0.92,
      citations: [
        { kind: "document", id: documentId, version: 2, quote: "Each line is rounded half up to the cent." },
      ],
    },
    response: question,
  },
  handOver: {
    params,
    body: { ...lease, reason: "no document says anything about it" },
    response: { ...question, status: "human" },
  },
  proposeDocument: {
    params,
    body: { controllerId: lease.controllerId },
    response: {
      id: documentId,
      title: "How is VAT rounded?",
      type: "reference",
      tags: ["answer"],
      repositoryId: ids.repository,
      status: "proposed",
      version: 1,
      author: lease.controllerId,
      createdAt: at(3),
      updatedAt: at(3),
      content: "Question: How is VAT rounded?\n\nAnswer: Per line, half up.",
    },
  },
};
