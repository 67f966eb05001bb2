import type { FailureResult, PublishSuccess, RunSuccess, TaskResult } from "@agentvine/contracts";

/** The branch a result is published as. The attempt in its name keeps a stale attempt from overwriting a newer one. */
export const branchOf = (taskId: string, attempt: number): string => `agentvine/${taskId}/a${attempt}`;

/** What the task shows after a run that succeeded. Not published yet. */
export const resultOfRun = (result: RunSuccess, executionId: string): TaskResult => ({
  outcome: "succeeded",
  failure: null,
  verification: result.verification,
  reason: result.evidence.reason,
  summary: result.summary,
  executionId,
  baseCommit: result.baseCommit,
  commit: result.commit,
  branch: null,
  publishedAt: null,
  evidence: result.evidence,
});

/** What the task shows after an attempt that failed for good. */
export const resultOfFailure = (result: FailureResult, executionId: string | null): TaskResult => ({
  outcome: result.outcome,
  failure: result.failure,
  verification: result.failure === "verification" ? "failed" : (result.evidence?.verification ?? null),
  reason: result.reason,
  summary: result.summary,
  executionId,
  baseCommit: null,
  commit: null,
  branch: null,
  publishedAt: null,
  evidence: result.evidence,
});

/** What the task shows when its worker was lost too often. */
export const resultOfLoss = (reason: string, executionId: string | null): TaskResult => ({
  ...resultOfFailure(
    {
      outcome: "failed",
      failure: "infrastructure",
      reason,
      isRetryable: true,
      summary: "",
      evidence: null,
      metrics: null,
      exitCode: null,
    },
    executionId,
  ),
  outcome: "lost",
});

const unpublished: TaskResult = {
  outcome: "succeeded",
  failure: null,
  verification: null,
  reason: "",
  summary: "",
  executionId: null,
  baseCommit: null,
  commit: null,
  branch: null,
  publishedAt: null,
  evidence: null,
};

/** The run's result, published. */
export const resultOfPublish = (
  run: TaskResult | null,
  published: Pick<PublishSuccess, "branch" | "commit">,
  publishedAt: string,
): TaskResult => ({
  ...(run ?? unpublished),
  outcome: "succeeded",
  failure: null,
  reason: run?.evidence?.reason ?? "",
  branch: published.branch,
  commit: published.commit,
  publishedAt,
});

/** The run's result when its push failed for good: the work is there, only its publication is missing. */
export const resultOfFailedPublish = (run: TaskResult | null, reason: string): TaskResult => ({
  ...(run ?? unpublished),
  outcome: "failed",
  failure: "infrastructure",
  reason,
});

/** True when a run's result goes out without a person looking at it. */
export const publishesItself = (
  permissionLevel: "autonomous" | "supervised" | "human_required",
  result: Pick<RunSuccess, "verification">,
): boolean => permissionLevel === "autonomous" && result.verification === "passed";
