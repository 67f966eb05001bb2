import { type PublishPayload, publishPayloadSchema } from "@agentvine/contracts";
import { createLayout, mirrorsDir } from "../workspace/layout.ts";
import { publishBranch } from "../workspace/publish.ts";
import { resultRef } from "../workspace/result.ts";
import { type ExecutionContext, enterPhase } from "./execution-context.ts";
import { failed, isLeaseLost } from "./outcome.ts";

export interface PublishResult {
  readonly branch: string;
  readonly commit: string;
}

/**
 * Pushes a result that passed, from this worker's mirror or from the uploaded bundle. No agent runs.
 * @throws as `runOrder`.
 */
export const publishOrder = async (context: ExecutionContext): Promise<PublishResult> => {
  const { claim, git, layout, api, stop, log, progress, metrics } = context;
  enterPhase(context, "prepare");
  const payload: PublishPayload = publishPayloadSchema.parse(claim.workOrder.payload);
  await createLayout(layout);
  metrics.enter("publish");
  try {
    // The push can't be taken back, so the backend is asked first whether it is still ours to do.
    await progress.assertLease("publish", payload.branch);
  } catch (error) {
    if (isLeaseLost(error)) stop.request("lease_lost", "the lease was lost before the push");
    throw error;
  }
  stop.work.throwIfAborted();
  const { branch, commit, isAlreadyThere } = await publishBranch(git, {
    mirrorsDir: mirrorsDir(context.settings.dataDir),
    repository: claim.repository,
    branch: payload.branch,
    baseCommit: payload.baseCommit,
    commit: payload.commit,
    ref: resultRef(claim.task.id, claim.attempt),
    loadBundle: () => api.download(payload.bundleArtifactId, stop.work),
    signal: stop.work,
  });
  log.say("git", "info", isAlreadyThere ? `${branch} was there already` : `pushed ${branch} (${commit})`);
  if (commit !== payload.commit) throw failed("infrastructure", `${branch} holds another commit: ${commit}.`);
  return { branch, commit };
};
