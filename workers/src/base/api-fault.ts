import { isApiError } from "@agentvine/client";

/**
 * What a failed call means for a worker.
 * - `refused_key`: the key is unknown, revoked or lacks a permission: nothing will ever work again with it.
 * - `replaced`: another process registered under this worker's name.
 * - `too_old`: backend and worker are too far apart in their versions.
 * - `unknown_worker`: the backend forgot the worker: register again.
 * - `lease_lost`: the attempt is over: stop it, publish nothing.
 * - `transient`: worth trying again.
 * - `rejected`: the request itself is wrong; trying again changes nothing.
 */
export type ApiFault =
  | "refused_key"
  | "replaced"
  | "too_old"
  | "unknown_worker"
  | "lease_lost"
  | "transient"
  | "rejected";

/** Says what a failed call means. An error that no call made (a bug, a lost socket) counts as transient. */
export const faultOf = (error: unknown): ApiFault => {
  if (!isApiError(error)) return "transient";
  switch (error.code) {
    case "worker.superseded":
      return "replaced";
    case "worker.protocol_unsupported":
      return "too_old";
    case "worker.not_found":
      return "unknown_worker";
    case "work_order.lease_lost":
    case "work_order.already_finished":
    case "work_order.illegal_transition":
    case "work_order.not_found":
    case "execution.not_found":
      return "lease_lost";
    default:
      if (error.status === 401 || error.status === 403) return "refused_key";
      return error.retryable || error.status >= 500 ? "transient" : "rejected";
  }
};

/** The same for a call with an attempt's token, which dies with its lease. */
export const attemptFaultOf = (error: unknown): "lease_lost" | "transient" | "rejected" => {
  const fault = faultOf(error);
  return fault === "transient" || fault === "rejected" ? fault : "lease_lost";
};

/** How long the backend asked us to wait at least, in milliseconds. */
export const retryAfterMsOf = (error: unknown): number | undefined =>
  isApiError(error) ? error.retryAfterMs : undefined;

/** For `retry` of calls with an attempt's token: tried again while the fault may pass, and no sooner than the backend asked. */
export const whileTransient = {
  isRetryable: (error: unknown): boolean => attemptFaultOf(error) === "transient",
  retryAfterMs: retryAfterMsOf,
};
