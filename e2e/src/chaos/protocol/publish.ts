import { endpoints, publishPayloadSchema } from "@agentvine/contracts";
import { insist } from "../insist.ts";
import type { Clone } from "./clone.ts";
import { type HeldWork, handIn, type ProtocolContext, refOf } from "./context.ts";
import { metrics } from "./run.ts";

/** Pushes an accepted result, which may be another worker's. As a push can't be taken back, the lease is asked for right before. */
export async function doPublish(context: ProtocolContext, held: HeldWork, clone: Clone): Promise<void> {
  const { client, journal } = context;
  const { claim } = held;
  const { attemptToken: token, executionId } = claim;
  const payload = publishPayloadSchema.parse(claim.workOrder.payload);
  const { branch, commit } = payload;
  if (!(await clone.has(commit))) {
    const params = { artifactId: payload.bundleArtifactId };
    const bundle = await insist(
      () => client.download(endpoints.executions.downloadArtifact, { params, token }),
      20_000,
    );
    if (bundle?.value === undefined) return;
    await clone.take(Buffer.from(bundle.value), payload.baseCommit);
  }
  const phase = { kind: "phase" as const, phase: "publish" as const, detail: branch };
  const asked = await insist(
    () => client.call(endpoints.executions.progress, { params: { executionId }, body: phase, token }),
    20_000,
  );
  if (asked === undefined || asked.refusal !== undefined) return;
  const said = { call: "push" as const, taskId: claim.task.id, ...refOf(claim), branch, commit };
  journal.write({ phase: "asked", ...said });
  await clone.push(commit, branch);
  journal.write({ phase: "told", ...said });
  const body = { ...refOf(claim), result: { outcome: "published" as const, branch, commit, metrics } };
  await handIn(context, held, "complete", () => client.call(endpoints.queue.complete, { body, token }), {
    branch,
    commit,
  });
}
