import type { Approval, WorkerRequest } from "@agentvine/contracts";

const id = (last: string): string => `0192f0c1-7a10-7c11-8a01-${last.padStart(12, "0")}`;
const now = "2026-01-02T03:04:05.000Z";

/** Leave to run one shell line. */
export const anApproval = (command: string | null): Approval => ({
  subject: "tool_call",
  tool: "run_command",
  toolClass: "command",
  arguments: { command },
  command,
  paths: [],
  diff: null,
  steps: [],
});

/** A question that waits for a person. */
export const aRequest = (change: Partial<WorkerRequest> = {}): WorkerRequest => ({
  id: id("1"),
  taskId: id("2"),
  taskTitle: "Write a guide",
  taskType: "docs",
  taskPriority: "normal",
  permissionLevel: "autonomous",
  repositoryId: id("3"),
  repositoryUrl: "/srv/shop",
  workOrderId: id("4"),
  executionId: id("5"),
  workerName: "local-1",
  attempt: 1,
  generation: 3,
  kind: "question",
  status: "human",
  question: "Which port?",
  reason: "",
  options: [],
  approval: null,
  ruleId: "default.everything-else",
  policyVersion: 1,
  routeReason: "a person's to answer",
  deadlineAt: null,
  onTimeout: "no_answer",
  escalations: 0,
  assignedTo: null,
  isParked: false,
  conversationId: null,
  answer: null,
  raisedAt: now,
  settledAt: null,
  deliveredAt: null,
  spentAt: null,
  waitedMs: 0,
  waitedForPeopleMs: 0,
  alikeGroup: "aaaa",
  alikeCount: 0,
  ...change,
});
