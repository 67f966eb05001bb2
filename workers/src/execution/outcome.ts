import { isApiError } from "@agentvine/client";
import type { Evidence, ExecutionMetrics, FailureKind, FailureResult } from "@agentvine/contracts";
import { coerceError, isAppError } from "@agentvine/kit";
import { attemptFaultOf } from "../base/api-fault.ts";
import { storageFault } from "../process/storage-fault.ts";
import type { AttemptResult } from "./executor-channel.ts";
import type { StopRequest } from "./stop-request.ts";

/** A typed end of an execution that is no success. */
export interface Fault {
  readonly outcome: FailureResult["outcome"];
  readonly failure: FailureKind | null;
  readonly reason: string;
  readonly isRetryable?: boolean;
  readonly retryAfterMs?: number;
  readonly summary?: string;
  readonly evidence?: Evidence;
}

const textMax = 20_000;
const retryAfterMsMax = 86_400_000;

/** The fault as it is handed in. */
export const failureOf = (fault: Fault, metrics: ExecutionMetrics | null): AttemptResult => ({
  kind: "fail",
  result: {
    outcome: fault.outcome,
    failure: fault.failure,
    reason: fault.reason.slice(0, textMax),
    isRetryable: fault.isRetryable ?? false,
    ...(fault.retryAfterMs === undefined
      ? {}
      : { retryAfterMs: Math.min(retryAfterMsMax, Math.max(0, Math.round(fault.retryAfterMs))) }),
    summary: (fault.summary ?? "").slice(0, textMax),
    evidence: fault.evidence ?? null,
    metrics,
    exitCode: null,
  },
});

/** Ends an execution from anywhere inside of it. */
export class ExecutionFault extends Error {
  readonly fault: Fault;

  constructor(fault: Fault) {
    super(fault.reason);
    this.name = "ExecutionFault";
    this.fault = fault;
  }
}

/** A fault of one kind that ends the execution. */
export const failed = (failure: FailureKind, reason: string, extra: Partial<Fault> = {}): ExecutionFault =>
  new ExecutionFault({ outcome: "failed", failure, reason, ...extra });

/**
 * Whose fault an error is. What was asked of us (cancel, time-out) comes before what broke because of it; then each error by its code;
 * an error nobody foresaw is ours: infrastructure.
 */
export const faultOfError = (error: unknown, stop: StopRequest, timeoutSeconds: number): Fault => {
  if (error instanceof ExecutionFault) return error.fault;
  if (stop.stop?.kind === "cancelled")
    return { outcome: "cancelled", failure: null, reason: stop.stop.reason };
  if (stop.stop?.kind === "timed_out") {
    return {
      outcome: "timed_out",
      failure: null,
      reason: `The execution did not end within ${timeoutSeconds} s.`,
    };
  }
  return faultByCode(error);
};

const faultByCode = (error: unknown): Fault => {
  const { message } = coerceError(error);
  const code = isAppError(error) || isApiError(error) ? error.code : systemCodeOf(error);
  const [area] = code.split(".");
  const failure = (kind: FailureKind, isRetryable = false): Fault => ({
    outcome: "failed",
    failure: kind,
    reason: message,
    isRetryable,
  });
  if (code === "storage.full" || code === "ENOSPC" || code === "EDQUOT") {
    return { ...failure("infrastructure", true), reason: `The worker's disk is full (ENOSPC). ${message}` };
  }
  if (area === "repository" || code === "git.failed") {
    return failure("checkout", isAppError(error) && error.retryable);
  }
  if (area === "setup" || area === "test_plan") return failure("setup");
  if (area === "workspace") return failure("agent");
  if (area === "publish" || area === "model" || area === "config") return failure("infrastructure");
  return failure("infrastructure", true);
};

/** With less than this nothing of any size can be written: whatever fails then fails because of it. */
const exhaustedBytes = 1_048_576;

/**
 * A failure of the agent, of a gate or of a setup on a full disk is the machine's fault, and another worker may do better: if its words
 * say so and there is too little space, or if there is none.
 * @param disk what is free on the worker's disk at the end of the work, and what it should be; bytes.
 */
export const blameFullDisk = (
  fault: Fault,
  { freeBytes, freeBytesMin }: { readonly freeBytes: number; readonly freeBytesMin: number },
): Fault => {
  if (fault.outcome !== "failed" || fault.failure === "infrastructure") return fault;
  const isNamed =
    storageFault(`${fault.reason} ${JSON.stringify(fault.evidence ?? "")}`)?.code === "storage.full";
  if (freeBytes >= exhaustedBytes && !(isNamed && freeBytes < freeBytesMin)) return fault;
  const { evidence: _, ...rest } = fault;
  const reason = `The worker's disk is full (ENOSPC): ${fault.reason}`;
  return { ...rest, failure: "infrastructure", reason, isRetryable: true };
};

const systemCodeOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "unknown";

/** True when the backend said that this attempt is over. */
export const isLeaseLost = (error: unknown): boolean =>
  isApiError(error) && attemptFaultOf(error) === "lease_lost";
