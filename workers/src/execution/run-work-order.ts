import type { Evidence, ExecutionMetrics } from "@agentvine/contracts";
import { coerceError, sleep, systemClock } from "@agentvine/kit";
import { diskFreeBytes } from "../base/machine.ts";
import { type ExecutionContext, enterPhase } from "./execution-context.ts";
import type { AttemptResult } from "./executor-channel.ts";
import { evidenceUpload, logUpload, uploadForReading, uploadResult } from "./hand-in.ts";
import { blameFullDisk, type Fault, failed, failureOf, faultOfError, isLeaseLost } from "./outcome.ts";
import { ParkRequest } from "./park-request.ts";
import { publishOrder } from "./publish-order.ts";
import { runOrder } from "./run-order.ts";
import { untilUsedUp } from "./waiting-time.ts";

type Success = Extract<AttemptResult, { kind: "complete" }>["result"];
/** A success but for the numbers, which are complete only after the cleanup. */
type Draft = (metrics: ExecutionMetrics) => Success;

/** How long the end of an execution may take: closing sandboxes, sending the rest of the log. */
const cleanupMsMax = { calm: 15_000, hurried: 2_500 } as const;
/** A log of the full size takes its time on a busy machine; the lease is renewed meanwhile. */
const flushMsMax = { calm: 90_000, hurried: 2_500 } as const;

/**
 * One work order from its phases to its typed result. Never throws. Null when the lease is lost: then nothing may be handed in.
 * The cleanup runs in every case, on its own time.
 */
export const runWorkOrder = async (context: ExecutionContext): Promise<AttemptResult | null> => {
  const { claim, stop, logger, waiting } = context;
  const timer = new AbortController();
  untilUsedUp(claim.workOrder.timeoutSeconds * 1_000, waiting, {
    clock: systemClock,
    sleep,
    signal: timer.signal,
  }).then(
    () => stop.request("timed_out", "the order's time is over"),
    () => undefined,
  );
  let draft: Draft | undefined;
  let error: unknown;
  try {
    draft = await work(context);
  } catch (caught) {
    error = caught;
    if (isLeaseLost(caught)) stop.request("lease_lost", coerceError(caught).message);
  }
  timer.abort();
  // Before the cleanup makes room again.
  const disk = await lookAtDisk(context);
  const judged = () => blameFullDisk(faultOfError(error, stop, claim.workOrder.timeoutSeconds), disk);
  const park = stop.stop === undefined && error instanceof ParkRequest ? error : undefined;
  const end = park?.message ?? (draft === undefined ? describe(context, judged) : "succeeded");
  context.log.say("worker", draft === undefined && park === undefined ? "error" : "info", end);
  const metrics = await cleanUp(context);
  if (stop.stop?.kind === "lease_lost") {
    logger.warn({ reason: stop.stop.reason }, "the lease is lost, nothing is handed in");
    return null;
  }
  if (draft !== undefined) return context.redactor.value({ kind: "complete", result: draft(metrics) });
  if (park !== undefined) return park.result;
  if (stop.stop?.kind === "drained") return { kind: "release", reason: stop.stop.reason.slice(0, 2_000) };
  const fault = judged();
  logger.info({ outcome: fault.outcome, failure: fault.failure, err: coerceError(error) }, "ended");
  return context.redactor.value(failureOf(fault, metrics));
};

const lookAtDisk = async ({ settings }: ExecutionContext) => ({
  // What can't be told is no reason to blame the disk.
  freeBytes: await diskFreeBytes(settings.dataDir).catch(() => Number.POSITIVE_INFINITY),
  freeBytesMin: settings.limits.diskFreeBytesMin,
});

const describe = ({ stop }: ExecutionContext, judged: () => Fault): string => {
  if (stop.stop !== undefined) return `${stop.stop.kind.replace("_", " ")}: ${stop.stop.reason}`;
  const fault = judged();
  return `${fault.outcome}${fault.failure === null ? "" : ` (${fault.failure})`}: ${fault.reason}`;
};

const work = async (context: ExecutionContext): Promise<Draft> => {
  switch (context.claim.workOrder.kind) {
    case "run":
      return await runAndUpload(context);
    case "publish": {
      const { branch, commit } = await publishOrder(context);
      return (metrics) => ({ outcome: "published", branch, commit, metrics });
    }
    case "verify":
      throw failed("infrastructure", "Work orders that only verify are not supported by this worker yet.");
  }
};

const runAndUpload = async (context: ExecutionContext): Promise<Draft> => {
  const uploads: Promise<void>[] = [];
  const keep = (evidence: Evidence): void => {
    uploads.push(uploadForReading(context, evidenceUpload(evidence), 30_000));
  };
  try {
    const run = await runOrder(context, keep);
    const { evidence, bundle, summary, baseCommit, commit } = run;
    if (bundle === null || evidence.verification === "failed")
      throw failed("verification", evidence.reason, { evidence });
    const { verification } = evidence;
    enterPhase(context, "upload");
    const artifacts = await uploadResult(context, { ...run, bundle });
    return (metrics) => ({
      outcome: "succeeded",
      verification,
      summary: summary.slice(0, 20_000),
      baseCommit,
      commit,
      bundleArtifactId: artifacts.bundle.id,
      diffArtifactId: artifacts.diff.id,
      evidence,
      metrics,
      exitCode: null,
    });
  } finally {
    await Promise.all(uploads);
  }
};

/** Closes every sandbox and hands over the log. Nothing in here may keep the result from being handed in. */
const cleanUp = async (context: ExecutionContext): Promise<ExecutionMetrics> => {
  const { stop, metrics, progress, people, log, open, logger } = context;
  const pace = stop.stop === undefined ? "calm" : "hurried";
  const msMax = cleanupMsMax[pace];
  metrics.enter("cleanup");
  progress.phase("cleanup");
  const close = Promise.all([...open].map((sandbox) => sandbox.close())).catch((error: unknown) =>
    logger.warn({ err: coerceError(error) }, "a sandbox could not be closed"),
  );
  await atMost(msMax, close);
  if (stop.stop?.kind !== "lease_lost") {
    await log.flush(flushMsMax[pace]);
    await uploadForReading(context, logUpload(log.readAll()), msMax);
    await atMost(msMax, Promise.all([progress.settled(), people.settled()]));
  }
  return metrics.snapshot(log, context.waiting.totalMs);
};

const atMost = async (ms: number, work: Promise<unknown>): Promise<void> => {
  const enough = new AbortController();
  await Promise.race([work, sleep(ms, enough.signal).catch(() => undefined)]);
  enough.abort();
};
