import { type Evidence, evidenceSchema, type Task, type TaskResult, taskSchema } from "@agentvine/contracts";

const id = "01890a5d-ac96-774b-bcce-b302099a8057";
export const commit = "a".repeat(40);

export const anEvidence = (overrides: Partial<Evidence> = {}): Evidence =>
  evidenceSchema.parse({
    verification: "passed",
    reason: "all checks passed",
    round: 1,
    checks: [],
    commands: [],
    tests: null,
    coverage: null,
    files: [],
    environment: {},
    ...overrides,
  });

export const aResult = (overrides: Partial<TaskResult> = {}): TaskResult => ({
  outcome: "succeeded",
  failure: null,
  verification: "passed",
  reason: "",
  summary: "Mended the rounding.",
  executionId: id,
  baseCommit: "b".repeat(40),
  commit,
  branch: `agentvine/${id}/a1`,
  publishedAt: "2026-01-01T00:01:00.000Z",
  evidence: anEvidence(),
  ...overrides,
});

/** A task as the backend would send it, checked against the contract. */
export const aTask = (overrides: Partial<Task> = {}): Task =>
  taskSchema.parse({
    id,
    title: "Totals are rounded wrongly",
    description: "",
    type: "bugfix",
    permissionLevel: "autonomous",
    priority: "normal",
    status: "queued",
    statusReason: "",
    repositoryId: id,
    repositoryUrl: "/srv/shop",
    branchName: null,
    issueNumber: null,
    prNumber: null,
    agent: {},
    limits: {},
    requiredLabels: [],
    timeoutSeconds: 3_600,
    context: {},
    metadata: {},
    createdBy: id,
    assignedTo: null,
    parentTaskId: null,
    createdByExecutionId: null,
    dependsOn: [],
    attempt: 1,
    runs: 1,
    result: null,
    createdAt: "2026-01-01T00:00:00.000Z",
    updatedAt: "2026-01-01T00:00:00.000Z",
    startedAt: null,
    completedAt: null,
    ...overrides,
  });
