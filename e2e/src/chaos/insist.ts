import { type ApiError, isApiError } from "@agentvine/client";

/** A definite answer: what was wanted, or a refusal that another try would not change. */
export type Answer<T> =
  | { readonly value: T; readonly refusal?: never }
  | { readonly value?: never; readonly refusal: ApiError };

/** After this people give a call up that got no definite answer: whether it was done is not known. */
export const knownMs = 6_000;

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const isDefinite = (error: ApiError): boolean =>
  !error.retryable && error.status < 500 && error.code !== "idempotency.in_progress";

/** The key of a creation whose backend was killed is held for minutes: nobody waits for that here. */
const heldMsMax = 6_000;

/**
 * Asks until there is a definite answer; undefined when there is none within `forMs` and nobody knows whether it was done. Takes no
 * heed of leases: it is the backend that must not believe a late word.
 */
export async function insist<T>(ask: () => Promise<T>, forMs: number): Promise<Answer<T> | undefined> {
  const untilMs = performance.now() + forMs;
  let heldSinceMs: number | undefined;
  for (let tries = 1; ; tries += 1) {
    try {
      return { value: await ask() };
    } catch (error) {
      if (!isApiError(error)) throw error;
      if (isDefinite(error)) return { refusal: error };
      const nowMs = performance.now();
      if (error.code === "idempotency.in_progress") heldSinceMs ??= nowMs;
      else heldSinceMs = undefined;
      if (nowMs > Math.min(untilMs, (heldSinceMs ?? nowMs) + heldMsMax)) return undefined;
      await sleep(Math.max(error.retryAfterMs ?? 0, Math.min(1_000, 100 * tries)));
    }
  }
}
