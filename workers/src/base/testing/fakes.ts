import { ApiError } from "@agentvine/client";
import type { Claim, ErrorCode, WorkerCapabilities } from "@agentvine/contracts";
import { createLogger, newId } from "@agentvine/kit";

export const silentLogger = createLogger({ name: "test", level: "silent" });

export const apiError = (
  code: ErrorCode,
  options: { retryAfterMs?: number; status?: number } = {},
): ApiError => new ApiError(code, `the backend says ${code}`, options);

/** Of a worker that has no agent and no sandbox. */
export const bareCapabilities: WorkerCapabilities = {
  taskTypes: ["docs"],
  labels: [],
  agents: [],
  sandbox: { driver: "none", isConfined: false },
  toolchains: {},
};

/** A claim as the backend hands it out; only what the supervisor reads is telling. */
export const aClaim = (changes: Partial<Claim> = {}): Claim => {
  const taskId = newId();
  const at = "2026-01-01T00:00:00.000Z";
  return {
    workOrder: {
      id: newId(),
      taskId,
      kind: "run",
      queueName: "default",
      status: "claimed",
      attempt: 1,
      workerId: newId(),
      payload: {},
      result: null,
      errorMessage: null,
      retryCount: 0,
      maxRetries: 3,
      lostLeases: 0,
      timeoutSeconds: 3_600,
      enqueuedAt: at,
      availableAt: at,
      claimedAt: at,
      leaseExpiresAt: at,
      completedAt: null,
      expiresAt: null,
    },
    attempt: 1,
    executionId: newId(),
    leaseMs: 60_000,
    attemptToken: "avt_test-attempt-token",
    task: {
      id: taskId,
      title: "Mend the sum",
      description: "",
      type: "bugfix",
      permissionLevel: "autonomous",
      priority: "normal",
      status: "in_progress",
      statusReason: "",
      repositoryId: newId(),
      repositoryUrl: "/nowhere",
      branchName: null,
      issueNumber: null,
      prNumber: null,
      agent: {},
      limits: {},
      requiredLabels: [],
      timeoutSeconds: 3_600,
      context: {},
      metadata: {},
      createdBy: newId(),
      assignedTo: null,
      parentTaskId: null,
      createdByExecutionId: null,
      dependsOn: [],
      attempt: 1,
      runs: 0,
      result: null,
      createdAt: at,
      updatedAt: at,
      startedAt: at,
      completedAt: null,
    },
    repository: {
      id: newId(),
      canonicalKey: "/nowhere",
      url: "/nowhere",
      name: "nowhere",
      defaultBranch: null,
      settings: {
        setupCommand: null,
        testCommand: null,
        coverageCommand: null,
        commandTimeoutSeconds: 60,
        environment: {},
      },
      egress: [],
      createdAt: at,
      updatedAt: at,
    },
    preAllowed: [],
    checkpoint: null,
    correlationId: "corr-1",
    ...changes,
  };
};
