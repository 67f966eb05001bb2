import { coerceError, type Logger, sleep } from "@agentvine/kit";
import { isDatabaseUnavailable } from "../../database/database-error.ts";

export interface Sweep {
  name: string;
  /** Returns how many it changed. */
  run: () => Promise<number>;
  /** What one run changes at most. A run that changed so many has left something: it goes on at once, and not at the next interval. */
  batchMax?: number;
}

/**
 * Runs the sweeps one after the other, again and again, until stopped. While one has more to do they take turns without a pause, batch
 * by batch, so that a thousand lost leases are back in a moment and nothing else waits for them. A sweep that fails is tried again at
 * the next interval.
 */
export function startSweeps(o: { sweeps: readonly Sweep[]; intervalMs: number; logger: Logger }): {
  stop(): Promise<void>;
} {
  const stopping = new AbortController();

  /** True when there is more to do. */
  const runOne = async ({ name, run, batchMax }: Sweep): Promise<boolean> => {
    try {
      const count = await run();
      if (count > 0) {
        o.logger.info({ sweep: name, count }, `${name}: ${count}`);
      }
      return batchMax !== undefined && count >= batchMax;
    } catch (error) {
      const level = isDatabaseUnavailable(error) ? "debug" : "error";
      o.logger[level]({ err: coerceError(error), sweep: name }, `the sweep for ${name} failed`);
      return false;
    }
  };

  const runAll = async (): Promise<boolean> => {
    let hasMore = false;
    for (const sweep of o.sweeps) {
      hasMore = (await runOne(sweep)) || hasMore;
    }
    return hasMore;
  };

  const loop = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      if (await runAll()) {
        continue;
      }
      await sleep(o.intervalMs, stopping.signal).catch(() => {});
    }
  };
  const running = loop();

  return {
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}

/** How often leases are looked at: often enough that a lost one is taken back soon, seldom enough to cost nothing. */
export const sweepIntervalMs = (leaseMs: number): number => Math.min(5_000, Math.max(200, leaseMs / 12));
