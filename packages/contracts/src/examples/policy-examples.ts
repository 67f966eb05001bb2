import { at, ids } from "./sample-resources.ts";

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
  simulate: {
    body: { yaml, limit: 100 },
    response: {
      activeVersion: 1,
      considered: 1,
      changed: 1,
      isCut: false,
      counts: {
        active: { allow: 0, deny: 0, automated: 0, human: 1 },
        proposed: { allow: 1, deny: 0, automated: 0, human: 0 },
      },
      items: [
        {
          requestId: ids.event,
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
          },
          proposed: { kind: "allow", ruleId: "tests", reason: "Running the tests needs nobody's leave." },
          isChanged: true,
        },
      ],
    },
  },
};
