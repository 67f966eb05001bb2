import { createHash } from "node:crypto";
import {
  type Artifact,
  type ArtifactKind,
  type Evidence,
  type ExecutionMetrics,
  endpoints,
} from "@agentvine/contracts";
import { insist, sleep } from "../insist.ts";
import { ask } from "./ask.ts";
import type { Clone } from "./clone.ts";
import { type HeldWork, handIn, type ProtocolContext, refOf } from "./context.ts";
import { type Fate, fateOf } from "./fate.ts";

export const metrics: ExecutionMetrics = {
  usage: null,
  steps: 1,
  toolCalls: 1,
  modelRetries: 0,
  gateRounds: 1,
  phasesMs: {},
  waitingMs: 0,
  logBytes: 0,
  logDroppedBytes: 0,
};

const evidence: Evidence = {
  verification: "passed",
  reason: "The chaos run says so.",
  round: 1,
  checks: [],
  commands: [],
  tests: null,
  coverage: null,
  files: [],
  environment: {},
};

/** Undefined when the backend takes nothing more from this attempt, or does not answer. */
async function upload(
  { client }: ProtocolContext,
  { claim }: HeldWork,
  kind: ArtifactKind,
  bytes: Buffer,
): Promise<Artifact | undefined> {
  const answer = await insist(
    () =>
      client.upload(endpoints.executions.uploadArtifact, {
        params: { executionId: claim.executionId },
        query: { kind, name: kind, digest: createHash("sha256").update(bytes).digest("hex") },
        bytes,
        token: claim.attemptToken,
      }),
    20_000,
  );
  return answer?.refusal === undefined ? answer?.value : undefined;
}

/** @param requestIds what it waits for */
async function park(
  context: ProtocolContext,
  held: HeldWork,
  baseCommit: string,
  requestIds: readonly string[] = [],
): Promise<void> {
  const { client } = context;
  const { claim } = held;
  const transcript = await upload(context, held, "transcript", Buffer.from("[]"));
  if (transcript === undefined) return;
  const made = await insist(
    () =>
      client.call(endpoints.executions.createCheckpoint, {
        params: { executionId: claim.executionId },
        body: {
          step: 1,
          driver: "command",
          baseCommit,
          transcriptArtifactId: transcript.id,
          snapshotArtifactId: null,
        },
        token: claim.attemptToken,
      }),
    20_000,
  );
  if (made?.value === undefined) return;
  const body = {
    ...refOf(claim),
    checkpointId: made.value.id,
    reason: "it has a question",
    requestIds: [...requestIds],
  };
  await handIn(context, held, "park", () =>
    client.call(endpoints.queue.park, { body, token: claim.attemptToken }),
  );
}

async function complete(
  context: ProtocolContext,
  held: HeldWork,
  { clone, baseCommit, fate }: { clone: Clone; baseCommit: string; fate: Fate },
): Promise<void> {
  const { client, leaseMs } = context;
  const { claim } = held;
  const name = `${claim.task.id}-a${claim.attempt}`;
  const made = await clone.make(baseCommit, name, `${name}.txt`, `made by ${context.settings.name}\n`);
  const bundle = await upload(context, held, "bundle", made.bundle);
  const diff = await upload(context, held, "diff", Buffer.from(`+made as ${name}\n`));
  if (bundle === undefined || diff === undefined) return;
  if (fate.isLate) {
    held.isRenewed = false;
    await sleep(leaseMs + 1_500);
  }
  const body = {
    ...refOf(claim),
    result: {
      outcome: "succeeded" as const,
      verification: "passed" as const,
      summary: "done",
      baseCommit,
      commit: made.commit,
      bundleArtifactId: bundle.id,
      diffArtifactId: diff.id,
      evidence,
      metrics,
    },
  };
  const send = () => client.call(endpoints.queue.complete, { body, token: claim.attemptToken });
  await Promise.all(Array.from({ length: fate.copies }, () => handIn(context, held, "complete", send)));
}

/** Does a run as its fate wants it. */
export async function doRun(context: ProtocolContext, held: HeldWork, clone: Clone): Promise<void> {
  const { client, settings } = context;
  const { claim } = held;
  const { attemptToken: token, task, workOrder } = claim;
  const fate = fateOf(settings.seed, String(task.metadata.chaos), claim.attempt);
  const branch = workOrder.payload.baseBranch;
  const baseCommit = await clone.resolve(typeof branch === "string" ? branch : "main");
  await sleep(fate.workMs);
  const open = fate.asking && (await ask(context, held, fate.asking));
  if (open !== undefined) return await park(context, held, baseCommit, [open.id]);
  const ref = refOf(claim);
  const fail = (body: { outcome: "failed" | "cancelled"; failure: "infrastructure" | "agent" | null }) =>
    handIn(context, held, "fail", () =>
      client.call(endpoints.queue.fail, {
        body: { ...ref, result: { reason: "fate", isRetryable: fate.ending === "retryable", ...body } },
        token,
      }),
    );
  if (held.isCancelled && !fate.isDeaf) await fail({ outcome: "cancelled", failure: null });
  else if (fate.ending === "park") await park(context, held, baseCommit);
  else if (fate.ending === "retryable") await fail({ outcome: "failed", failure: "infrastructure" });
  else if (fate.ending === "failed") await fail({ outcome: "failed", failure: "agent" });
  else if (fate.ending === "release") {
    const body = { ...ref, reason: "fate" };
    await handIn(context, held, "release", () => client.call(endpoints.queue.release, { body, token }));
  } else await complete(context, held, { clone, baseCommit, fate });
}
