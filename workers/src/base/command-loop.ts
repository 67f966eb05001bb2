import { type Clock, coerceError, type Logger, retryDelayMs, type sleep } from "@agentvine/kit";
import { faultOf, retryAfterMsOf } from "./api-fault.ts";
import type { CommandInbox } from "./command-inbox.ts";
import type { WorkerApi } from "./worker-api.ts";

export interface CommandLoopOptions {
  readonly api: Pick<WorkerApi, "commands">;
  readonly workerId: () => string;
  readonly instanceId: string;
  readonly inbox: CommandInbox;
  readonly waitSeconds: number;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly sleep: typeof sleep;
  readonly random?: () => number;
}

const backoffBounds = { baseMs: 1_000, maxMs: 15_000 };
/** A poll that comes back empty sooner than this was not waited with: the next one must not follow at once. */
const emptyMsMin = 1_000;

/**
 * Waits for commands, so that a cancel arrives within milliseconds. Asking after a position acknowledges everything before it.
 * It may fail for long: the heartbeat brings the same commands, and it alone decides that a worker has to stop.
 */
export const runCommandLoop = async (options: CommandLoopOptions, signal: AbortSignal): Promise<void> => {
  const backoff = { ...backoffBounds, ...(options.random === undefined ? {} : { random: options.random }) };
  let failures = 0;
  // An abort ends the pause, and the loop ends by itself.
  const pause = (ms: number): Promise<void> => options.sleep(ms, signal).catch(() => undefined);
  while (!signal.aborted) {
    try {
      const query = {
        after: options.inbox.seen,
        waitSeconds: options.waitSeconds,
        instanceId: options.instanceId,
      };
      const askedAtMs = options.clock.monotonicMs();
      const commands = await options.api.commands(options.workerId(), query, signal);
      options.inbox.accept(commands);
      const isHasty = commands.length === 0 && options.clock.monotonicMs() - askedAtMs < emptyMsMin;
      failures = isHasty ? failures + 1 : 0;
      if (isHasty) await pause(retryDelayMs(failures, undefined, backoff));
    } catch (error) {
      if (signal.aborted) return;
      failures += 1;
      const delayMs = retryDelayMs(failures, retryAfterMsOf(error), backoff);
      const log = { err: coerceError(error), fault: faultOf(error), delayMs };
      options.logger.debug(log, "waiting for commands failed, trying again");
      await pause(delayMs);
    }
  }
};
