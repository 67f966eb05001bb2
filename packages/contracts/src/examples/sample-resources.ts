// One story that all examples tell: a bugfix of a small repository, from creation to the published branch.

export const ids = {
  task: "0192f0c1-7a10-7c11-8a01-000000000001",
  otherTask: "0192f0c1-7a10-7c11-8a01-000000000002",
  repository: "0192f0c1-7a10-7c11-8a01-000000000003",
  workOrder: "0192f0c1-7a10-7c11-8a01-000000000004",
  publishOrder: "0192f0c1-7a10-7c11-8a01-000000000005",
  worker: "0192f0c1-7a10-7c11-8a01-000000000006",
  instance: "0192f0c1-7a10-7c11-8a01-000000000007",
  execution: "0192f0c1-7a10-7c11-8a01-000000000008",
  bundle: "0192f0c1-7a10-7c11-8a01-000000000009",
  diff: "0192f0c1-7a10-7c11-8a01-00000000000a",
  transcript: "0192f0c1-7a10-7c11-8a01-00000000000b",
  checkpoint: "0192f0c1-7a10-7c11-8a01-00000000000c",
  user: "0192f0c1-7a10-7c11-8a01-00000000000d",
  event: "0192f0c1-7a10-7c11-8a01-00000000000e",
  apiKey: "0192f0c1-7a10-7c11-8a01-00000000000f",
  otherApiKey: "0192f0c1-7a10-7c11-8a01-000000000010",
} as const;

export const at = (minute: number): string => `2026-01-31T12:${String(minute).padStart(2, "0")}:00.000Z`;

export const baseCommit = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";
export const commit = "9c1185a5c5e9fc54612808977ee8f548b2258d31";
export const digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const branch = `agentvine/${ids.task}/a1`;

const evidence = {
  verification: "passed",
  reason: "The new test is red at the base and green now; nothing else turned red.",
  round: 1,
  checks: [{ name: "tests pass", status: "passed", reason: "12 passed, none failed" }],
  commands: [
    {
      where: "result",
      command: "npm test",
      exitCode: 0,
      endedBy: "exit",
      durationMs: 1_840,
      outputTail: "tests 12\npass 12\n",
    },
  ],
  tests: {
    runner: "node:test",
    base: { passed: 11, failed: 0, skipped: 0 },
    result: { passed: 12, failed: 0, skipped: 0 },
    redToGreen: ["discount is never negative"],
    greenToRed: [],
    added: ["discount is never negative"],
    removed: [],
    newlySkipped: [],
  },
  coverage: null,
  files: [{ path: "src/discount.js", status: "modified", additions: 2, deletions: 1 }],
  environment: { node: "20.20.2", sandbox: "bubblewrap" },
};

const metrics = {
  usage: {
    inputTokens: 18_200,
    outputTokens: 1_450,
    cacheReadTokens: 9_000,
    cacheWriteTokens: 2_100,
    costUsd: 0.08,
  },
  steps: 9,
  toolCalls: 14,
  modelRetries: 0,
  gateRounds: 1,
  phasesMs: { checkout: 210, setup: 900, run: 41_000, verify: 3_700 },
  waitingMs: 0,
  logBytes: 20_480,
  logDroppedBytes: 0,
};

export const repository = {
  id: ids.repository,
  canonicalKey: "github.com/example/shop",
  url: "https://github.com/example/shop.git",
  name: "shop",
  defaultBranch: "main",
  settings: {
    setupCommand: "npm ci",
    testCommand: "npm test",
    coverageCommand: null,
    commandTimeoutSeconds: 600,
    environment: {},
  },
  egress: [],
  createdAt: at(0),
  updatedAt: at(0),
};

export const task = {
  id: ids.task,
  title: "Discounts above the price give negative totals",
  description: "A discount of 20 on a price of 10 gives -10. The total must never be below zero.",
  type: "bugfix",
  permissionLevel: "supervised",
  priority: "high",
  status: "queued",
  statusReason: "",
  repositoryId: ids.repository,
  repositoryUrl: repository.url,
  branchName: null,
  issueNumber: 17,
  prNumber: null,
  agent: {},
  limits: { stepsMax: 60 },
  requiredLabels: [],
  timeoutSeconds: 3_600,
  context: {},
  metadata: {},
  createdBy: ids.user,
  assignedTo: null,
  parentTaskId: null,
  createdByExecutionId: null,
  dependsOn: [],
  attempt: 0,
  runs: 0,
  result: null,
  createdAt: at(1),
  updatedAt: at(1),
  startedAt: null,
  completedAt: null,
};

export const finishedTask = {
  ...task,
  status: "completed",
  assignedTo: ids.worker,
  attempt: 2,
  runs: 1,
  result: {
    outcome: "succeeded",
    failure: null,
    verification: "passed",
    reason: evidence.reason,
    summary: "Totals are clamped at zero; a test covers it.",
    executionId: ids.execution,
    baseCommit,
    commit,
    branch,
    publishedAt: at(6),
    evidence,
  },
  startedAt: at(2),
  completedAt: at(6),
  updatedAt: at(6),
};

export const workOrder = {
  id: ids.workOrder,
  taskId: ids.task,
  kind: "run",
  queueName: "high_priority",
  status: "pending",
  attempt: 0,
  workerId: null,
  payload: { baseBranch: null, followUp: null },
  result: null,
  errorMessage: null,
  retryCount: 0,
  maxRetries: 3,
  lostLeases: 0,
  timeoutSeconds: 3_600,
  enqueuedAt: at(1),
  availableAt: at(1),
  claimedAt: null,
  leaseExpiresAt: null,
  completedAt: null,
  expiresAt: null,
};

export const claimedOrder = {
  ...workOrder,
  status: "claimed",
  attempt: 1,
  workerId: ids.worker,
  claimedAt: at(2),
  leaseExpiresAt: at(3),
};

export const capabilities = {
  taskTypes: ["bugfix", "feature", "test", "docs"],
  labels: ["os=linux"],
  agents: [{ driver: "builtin", model: "anthropic/claude-sonnet", isScripted: false }],
  sandbox: { driver: "bubblewrap", isConfined: true },
  toolchains: { node: "20.20.2", git: "2.39.5" },
};

export const workerMetrics = {
  loadAverage: 0.8,
  memoryUsedBytes: 2_147_483_648,
  memoryTotalBytes: 8_589_934_592,
  diskFreeBytes: 53_687_091_200,
  supervisorRssBytes: 62_914_560,
};

export const worker = {
  id: ids.worker,
  name: "build-1",
  workerType: "general",
  status: "idle",
  statusReason: "",
  version: "0.1.0",
  maxConcurrentTasks: 2,
  activeCount: 0,
  timeoutSeconds: 3_600,
  contextWindowSize: 200_000,
  config: {},
  capabilities,
  metrics: workerMetrics,
  lastHeartbeatAt: at(1),
  createdAt: at(0),
  updatedAt: at(1),
};

export const execution = {
  id: ids.execution,
  taskId: ids.task,
  workOrderId: ids.workOrder,
  workerId: ids.worker,
  kind: "run",
  attempt: 1,
  status: "succeeded",
  phase: "cleanup",
  failure: null,
  verification: "passed",
  reason: evidence.reason,
  exitCode: 0,
  sandbox: "bubblewrap",
  agent: "builtin anthropic/claude-sonnet",
  isScripted: false,
  resumedFromAttempt: null,
  metrics,
  evidence,
  baseCommit,
  commit,
  branch,
  stdoutLog: "gate passed\n",
  stderrLog: "",
  logBytes: 20_480,
  startedAt: at(2),
  completedAt: at(5),
  durationSeconds: 180,
};

export const artifact = {
  id: ids.bundle,
  executionId: ids.execution,
  taskId: ids.task,
  kind: "bundle",
  name: "result.bundle",
  contentType: "application/octet-stream",
  sizeBytes: 4_096,
  digest,
  createdAt: at(5),
};

export const checkpoint = {
  id: ids.checkpoint,
  taskId: ids.task,
  executionId: ids.execution,
  attempt: 1,
  step: 4,
  driver: "builtin",
  baseCommit,
  transcriptArtifactId: ids.transcript,
  snapshotArtifactId: null,
  data: {},
  createdAt: at(3),
};

export const event = {
  id: ids.event,
  position: 42,
  type: "task.completed",
  taskId: ids.task,
  workOrderId: ids.publishOrder,
  executionId: null,
  workerId: ids.worker,
  attempt: 2,
  correlationId: "0192f0c1-7a10-7c11-8a01-0000000000ff",
  data: { branch },
  occurredAt: at(6),
};

export const runSuccess = {
  outcome: "succeeded",
  verification: "passed",
  summary: "Totals are clamped at zero; a test covers it.",
  baseCommit,
  commit,
  bundleArtifactId: ids.bundle,
  diffArtifactId: ids.diff,
  evidence,
  metrics,
  exitCode: 0,
};

export const pageOfOne = (item: unknown) => ({
  items: [item],
  total: 1,
  isTotalExact: true,
  page: 1,
  pageSize: 20,
  pages: 1,
});
