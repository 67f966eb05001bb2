import { createHash } from "node:crypto";
import { type Client, createClient } from "@agentvine/client";
import { type Claim, endpoints, executionMetricsSchema } from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import { anEvidence, commit } from "./a-task.ts";

const metrics = executionMetricsSchema.parse({
  usage: null,
  steps: 1,
  toolCalls: 1,
  modelRetries: 0,
  gateRounds: 1,
  phasesMs: {},
  waitingMs: 0,
  logBytes: 0,
  logDroppedBytes: 0,
});

/** A worker moved by hand, over the public API: claims one order at a time and hands in what the test wants. */
export interface HandWorker {
  readonly id: string;
  claim(): Promise<Claim>;
  /** Uploads the patch and reports success of a run. */
  succeed(claim: Claim, patch: string): Promise<void>;
  publish(claim: Claim): Promise<void>;
  fail(claim: Claim, reason: string): Promise<void>;
  log(claim: Claim, message: string): Promise<void>;
}

export const handWorker = async (baseUrl: string, token: string, name = "by-hand"): Promise<HandWorker> => {
  const client: Client = createClient({ baseUrl, token });
  const instanceId = newId();
  const { worker } = await client.call(endpoints.workers.register, {
    body: {
      name,
      instanceId,
      version: "0",
      maxConcurrentTasks: 4,
      capabilities: {
        taskTypes: ["bugfix", "feature", "test", "docs"],
        agents: [{ driver: "command", model: null }],
        sandbox: { driver: "none", isConfined: false },
      },
    },
  });
  const upload = async ({ executionId, attemptToken }: Claim, kind: "diff" | "bundle", text: string) => {
    const bytes = Buffer.from(text);
    const digest = createHash("sha256").update(bytes).digest("hex");
    const query = { kind, name: kind, digest };
    const artifact = await client.upload(endpoints.executions.uploadArtifact, {
      params: { executionId },
      query,
      bytes,
      token: attemptToken,
    });
    return artifact.id;
  };
  return {
    id: worker.id,
    async claim() {
      const claim = await client.call(endpoints.queue.claim, {
        body: {
          workerId: worker.id,
          instanceId,
          taskTypes: ["bugfix", "feature", "test", "docs"],
          slots: 1,
          waitSeconds: 10,
        },
        idempotencyKey: newId(),
      });
      if (claim === undefined) throw new Error("there was nothing to claim");
      return claim;
    },
    async succeed(claim, patch) {
      const bundleArtifactId = await upload(claim, "bundle", "bundle");
      const diffArtifactId = await upload(claim, "diff", patch);
      await client.call(endpoints.queue.complete, {
        token: claim.attemptToken,
        body: {
          workOrderId: claim.workOrder.id,
          attempt: claim.attempt,
          result: {
            outcome: "succeeded",
            verification: "passed",
            summary: "done by hand",
            baseCommit: "b".repeat(40),
            commit,
            bundleArtifactId,
            diffArtifactId,
            evidence: anEvidence(),
            metrics,
          },
        },
      });
    },
    async publish(claim) {
      const branch = String(claim.workOrder.payload.branch);
      await client.call(endpoints.queue.complete, {
        token: claim.attemptToken,
        body: {
          workOrderId: claim.workOrder.id,
          attempt: claim.attempt,
          result: { outcome: "published", branch, commit, metrics },
        },
      });
    },
    async fail(claim, reason) {
      await client.call(endpoints.queue.fail, {
        token: claim.attemptToken,
        body: {
          workOrderId: claim.workOrder.id,
          attempt: claim.attempt,
          result: { outcome: "failed", failure: "agent", reason },
        },
      });
    },
    async log({ executionId, attemptToken }, message) {
      const line = { at: new Date().toISOString(), level: "info", source: "agent", message };
      await client.call(endpoints.executions.appendLog, {
        params: { executionId },
        body: { offset: 0, text: `${JSON.stringify(line)}\n` },
        token: attemptToken,
      });
    },
  };
};
