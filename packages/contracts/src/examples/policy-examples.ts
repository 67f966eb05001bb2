import { at, ids, pageOfOne } from "./sample-resources.ts";

const rules = [
  {
    id: "tests",
    description: "Running the tests needs nobody's leave.",
    effect: "allow",
    commands: ["npm test", "npm run test:*"],
  },
];
const yaml = `rules:
  - id: tests
    description: Running the tests needs nobody's leave.
    effect: allow
    commands: [npm test, "npm run test:*"]
`;
const policy = {
  version: 2,
  isActive: true,
  author: { id: ids.user, username: "local" },
  comment: "tests may run",
  basedOnVersion: 1,
  restoresVersion: null,
  ruleCount: 1,
  createdAt: at(1),
  activatedAt: at(1),
};
const detail = { ...policy, yaml, rules };
const params = { version: 2 };

const requestId = "0192f0c1-7a10-7c11-8a01-000000000031";
const waiting = { deadlineSeconds: 86_400, onTimeout: "deny", escalation: [] };
const simulation = {
  activeVersion: 1,
  considered: 1,
  changed: 1,
  changes: { effect: 1, handling: 0, rule: 0 },
  isCut: false,
  isBounded: false,
  counts: {
    active: { allow: 0, deny: 0, automated: 0, human: 1 },
    proposed: { allow: 1, deny: 0, automated: 0, human: 0 },
  },
  items: [
    {
      requestId,
      taskId: ids.task,
      raisedAt: at(3),
      kind: "approval",
      question: "Run the tests?",
      tool: "run_command",
      toolClass: "command",
      command: "npm test",
      status: "answered",
      ruleId: "default.approvals",
      policyVersion: 1,
      active: {
        kind: "human",
        ruleId: "default.approvals",
        reason: "What no rule allows is a person's to allow.",
        ...waiting,
      },
      proposed: {
        kind: "allow",
        ruleId: "tests",
        reason: "Running the tests needs nobody's leave.",
        ...waiting,
      },
      change: "effect",
      isChanged: true,
    },
  ],
};
const proposalId = "0192f0c1-7a10-7c11-8a01-000000000035";
const rule = {
  id: "allow.npm-test.4f9a21",
  description: "Local user allowed it when an agent asked.",
  effect: "allow",
  kinds: ["approval"],
  subjects: ["tool_call"],
  tools: ["run_command"],
  toolClasses: ["command"],
  commands: ["npm test"],
  repositories: ["example.org/corner-shop"],
  when: 'task.type == "bugfix" && task.permissionLevel != "human_required" && task.priority != "critical"',
};
const person = { id: ids.user, username: "local" };
const proposal = {
  id: proposalId,
  status: "open",
  rule,
  workerRequestId: requestId,
  repositoryId: ids.repository,
  question: "run_command (command): npm test",
  author: person,
  createdAt: at(4),
  decidedAt: null,
  decidedBy: null,
  comment: "",
  policyVersion: null,
};
const decided = { decidedAt: at(9), decidedBy: person };

export const policyExamples = {
  list: { response: { items: [policy], total: 1, isTotalExact: true, page: 1, pageSize: 20, pages: 1 } },
  active: { response: detail },
  get: { params, response: detail },
  diff: {
    params,
    query: { against: 1 },
    response: { version: 2, against: 1, patch: "--- version 1\n+++ version 2\n" },
  },
  create: { body: { yaml, comment: "tests may run", basedOnVersion: 1 }, response: detail },
  activate: {
    params: { version: 1 },
    body: { comment: "back to the start", basedOnVersion: 2 },
    response: { ...detail, version: 3, basedOnVersion: 2, restoresVersion: 1 },
  },
  simulate: { body: { yaml, limit: 100 }, response: simulation },
  proposals: { query: { status: "open" }, response: pageOfOne(proposal) },
  proposal: {
    params: { proposalId },
    query: { limit: "100" },
    response: {
      ...proposal,
      yaml: "- id: allow.npm-test.4f9a21\n  effect: allow\n",
      decision: {
        kind: "allow",
        ruleId: rule.id,
        reason: rule.description,
        ...waiting,
      },
      obstacle: "",
      replay: simulation,
    },
  },
  acceptProposal: {
    params: { proposalId },
    body: { basedOnVersion: 1, comment: "tests may run" },
    response: { ...proposal, ...decided, status: "accepted", comment: "tests may run", policyVersion: 2 },
  },
  dismissProposal: {
    params: { proposalId },
    body: { comment: "too rare" },
    response: { ...proposal, ...decided, status: "dismissed", comment: "too rare" },
  },
};
