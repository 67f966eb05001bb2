import { backoffDelayMs, coerceError, type Logger, type sleep } from "@agentvine/kit";
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
  readonly sleep: typeof sleep;
  readonly random?: () => number;
}

/**
 * Waits for commands, so that a cancel arrives within milliseconds. Asking after a position acknowledges everything before it.
 * It may fail for long: the heartbeat brings the same commands, and it alone decides that a worker has to stop.
 */
export const runCommandLoop = async (options: CommandLoopOptions, signal: AbortSignal): Promise<void> => {
  const random = options.random === undefined ? {} : { random: options.random };
  let failures = 0;
  while (!signal.aborted) {
    try {
      const query = {
        after: options.inbox.seen,
        waitSeconds: options.waitSeconds,
        instanceId: options.instanceId,
      };
      options.inbox.accept(await options.api.commands(options.workerId(), query, signal));
      failures = 0;
    } catch (error) {
      if (signal.aborted) return;
      failures += 1;
      const delayMs = Math.max(
        backoffDelayMs(failures, { baseMs: 1_000, maxMs: 15_000, ...random }),
        retryAfterMsOf(error) ?? 0,
      );
      const log = { err: coerceError(error), fault: faultOf(error), delayMs };
      options.logger.debug(log, "waiting for commands failed, trying again");
      await options.sleep(delayMs, signal).catch(() => undefined); // aborted: the loop ends by itself
    }
  }
};
