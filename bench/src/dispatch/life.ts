import type { Claim, TaskCreateInput } from "@agentvine/contracts";

/** Every task type: a worker of the bench takes whatever comes. */
export const taskTypes = ["feature", "bugfix", "test", "docs", "refactor", "review"] as const;

/** A task as people queue them. `label`: only workers that have it may take it. */
export const taskBody = (repositoryId: string, label?: string): TaskCreateInput => ({
  title: "Totals are off by one cent",
  description:
    "The total of a cart with a discount is a cent too high when the rate has three digits. ".repeat(4),
  type: "bugfix",
  repositoryId,
  ...(label === undefined ? {} : { requiredLabels: [label] }),
  enqueue: false,
});

const check = { name: "red to green", status: "passed", reason: "cart.test.js: red at the base, green now" };

/** What a worker hands in for a verified bugfix. The uploaded file stands for bundle and diff alike. */
export const resultBody = (claim: Pick<Claim, "workOrder" | "attempt">, artifactId: string) => ({
  workOrderId: claim.workOrder.id,
  attempt: claim.attempt,
  result: {
    outcome: "succeeded" as const,
    verification: "passed" as const,
    summary: "Rounds once, at the end.",
    baseCommit: "a".repeat(40),
    commit: "b".repeat(40),
    bundleArtifactId: artifactId,
    diffArtifactId: artifactId,
    evidence: {
      verification: "passed" as const,
      reason: "A test that was red is green.",
      round: 1,
      checks: [check, { ...check, name: "nothing turned red" }],
      commands: [],
      tests: null,
      coverage: null,
      files: [],
      environment: { node: "20" },
    },
    metrics: {
      usage: null,
      steps: 7,
      toolCalls: 12,
      modelRetries: 0,
      gateRounds: 1,
      phasesMs: { checkout: 80, run: 12_000, verify: 900 },
      waitingMs: 0,
      logBytes: 12_345,
      logDroppedBytes: 0,
    },
  },
});

/** How a worker of the bench registers. */
export const workerBody = (name: string, instanceId: string, slots: number, labels: string[] = []) => ({
  name,
  instanceId,
  version: "1.0.0",
  maxConcurrentTasks: slots,
  capabilities: {
    taskTypes: [...taskTypes],
    labels,
    agents: [{ driver: "builtin" as const, model: "scripted/demo", isScripted: true }],
    sandbox: { driver: "none" as const, isConfined: false },
  },
});
