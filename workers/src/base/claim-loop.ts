import type { Claim, ClaimRequestInput } from "@agentvine/contracts";
import {
  type AppError,
  backoffDelayMs,
  type Clock,
  coerceError,
  type Logger,
  newId,
  retryDelayMs,
  type sleep,
} from "@agentvine/kit";
import { faultOf, retryAfterMsOf } from "./api-fault.ts";
import { fatalErrorOf } from "./fatal-fault.ts";
import type { Slots } from "./slots.ts";
import type { WorkerApi } from "./worker-api.ts";

export interface ClaimLoopOptions {
  readonly api: Pick<WorkerApi, "claim">;
  readonly slots: Slots;
  /** What this worker can do; read anew for every poll. */
  readonly offer: () => Omit<ClaimRequestInput, "slots" | "waitSeconds">;
  readonly waitSeconds: number;
  /** Why no work may be taken now (disk full), or null. */
  readonly readFault: () => Promise<string | null>;
  /**
   * Starts the work. Must not throw.
   * @param leaseFromMs monotonic time before which the lease can't have begun: a reply may have been on its way for long.
   */
  readonly onClaim: (claim: Claim, leaseFromMs: number) => void;
  /** Gives an order back that arrived when the worker was stopping, or could not work any more. Must not throw. */
  readonly onUnwantedClaim: (claim: Claim, reason: string) => Promise<void>;
  /** The backend forgot this worker. Resolves when it is registered again. */
  readonly onUnknownWorker: (signal: AbortSignal) => Promise<void>;
  readonly onFatal: (error: AppError) => void;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly sleep: typeof sleep;
  readonly random?: () => number;
}

const backoff = { baseMs: 500, maxMs: 15_000 };
/** A poll that comes back empty sooner than this was not waited with: the next one must not follow at once. */
const emptyMsMin = 1_000;
const faultCheckMs = 5_000;
const lastAskMs = 2_000;
const stoppingReason = "the worker was stopping when the order came";

/**
 * Takes work while there are free slots, one order per poll. Every poll has an idempotency key, kept while it is retried: an order
 * whose answer was lost on the way comes again and is not left to its lease.
 */
export const runClaimLoop = async (options: ClaimLoopOptions, signal: AbortSignal): Promise<void> => {
  try {
    let hasties = 0;
    while (!signal.aborted) {
      await options.slots.whenFree(signal);
      await waitUntilSound(options, signal);
      const answer = await poll(options, signal);
      if (answer === "stop") return;
      const { claim, sentAtMs } = answer;
      if (claim === undefined) {
        hasties = await restAfterEmpty(options, sentAtMs, hasties, signal);
        continue;
      }
      hasties = 0;
      if (signal.aborted) {
        await options.onUnwantedClaim(claim, stoppingReason);
        return;
      }
      // It waited for work for long: the disk may have filled up since it asked.
      const fault = await options.readFault();
      if (fault !== null) {
        await options.onUnwantedClaim(claim, fault);
        continue;
      }
      const { waitedMs } = claim;
      options.onClaim(claim, waitedMs === undefined ? options.clock.monotonicMs() : sentAtMs + waitedMs);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
};

const backoffOf = ({ random }: ClaimLoopOptions) => ({
  ...backoff,
  ...(random === undefined ? {} : { random }),
});

/** After an empty poll. Returns how many in a row came back at once. */
const restAfterEmpty = async (
  options: ClaimLoopOptions,
  sentAtMs: number,
  hasties: number,
  signal: AbortSignal,
): Promise<number> => {
  if (options.clock.monotonicMs() - sentAtMs >= emptyMsMin) return 0;
  await options.sleep(backoffDelayMs(hasties + 1, backoffOf(options)), signal);
  return hasties + 1;
};

const waitUntilSound = async (options: ClaimLoopOptions, signal: AbortSignal): Promise<void> => {
  let told: string | null = null;
  for (;;) {
    const fault = await options.readFault();
    if (fault === null) return;
    if (fault !== told) options.logger.error({ fault }, "no work is taken");
    told = fault;
    await options.sleep(faultCheckMs, signal);
  }
};

const poll = async (
  options: ClaimLoopOptions,
  signal: AbortSignal,
): Promise<{ readonly claim: Claim | undefined; readonly sentAtMs: number } | "stop"> => {
  const key = newId();
  const body = { ...options.offer(), slots: options.slots.free, waitSeconds: options.waitSeconds };
  for (let attempt = 1; ; attempt += 1) {
    try {
      const sentAtMs = options.clock.monotonicMs();
      return { claim: await options.api.claim(body, key, signal), sentAtMs };
    } catch (error) {
      if (signal.aborted) {
        await returnUnseenClaim(options, body, key);
        return "stop";
      }
      const delayMs = await reactTo(options, error, attempt, signal);
      if (delayMs === undefined) return "stop";
      await options.sleep(delayMs, signal);
    }
  }
};

/** Milliseconds until the next try; undefined when there is no next one. */
const reactTo = async (
  options: ClaimLoopOptions,
  error: unknown,
  attempt: number,
  signal: AbortSignal,
): Promise<number | undefined> => {
  const fault = faultOf(error);
  const fatal = fatalErrorOf(fault, error);
  if (fatal !== undefined) {
    options.onFatal(fatal);
    return undefined;
  }
  if (fault === "unknown_worker") await options.onUnknownWorker(signal);
  const delayMs = retryDelayMs(attempt, retryAfterMsOf(error), backoffOf(options));
  options.logger.warn({ err: coerceError(error), attempt, delayMs }, "claiming failed, trying again");
  return delayMs;
};

/**
 * The poll was cut by a stop: the backend may have leased an order to it in that moment. Asking once more with the same key brings
 * it to light, so that it goes back to the queue now and not when its lease ends.
 */
const returnUnseenClaim = async (
  options: ClaimLoopOptions,
  body: ClaimRequestInput,
  key: string,
): Promise<void> => {
  try {
    const claim = await options.api.claim({ ...body, waitSeconds: 0 }, key, AbortSignal.timeout(lastAskMs));
    if (claim !== undefined) await options.onUnwantedClaim(claim, stoppingReason);
  } catch (error) {
    options.logger.debug({ err: coerceError(error) }, "could not ask for an order leased while stopping");
  }
};
