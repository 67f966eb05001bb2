import { coerceError, type Logger, sleep } from "@agentvine/kit";
import { isDatabaseUnavailable } from "../../database/database-error.ts";

export interface Sweep {
  name: string;
  /** Returns how many it changed. */
  run: () => Promise<number>;
}

/** Runs the sweeps one after the other, again and again, until stopped. A sweep that fails is tried again next time. */
export function startSweeps(o: { sweeps: readonly Sweep[]; intervalMs: number; logger: Logger }): {
  stop(): Promise<void>;
} {
  const stopping = new AbortController();

  const runOne = async ({ name, run }: Sweep): Promise<void> => {
    try {
      const count = await run();
      if (count > 0) {
        o.logger.info({ sweep: name, count }, `${name}: ${count}`);
      }
    } catch (error) {
      const level = isDatabaseUnavailable(error) ? "debug" : "error";
      o.logger[level]({ err: coerceError(error), sweep: name }, `the sweep for ${name} failed`);
    }
  };

  const loop = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      for (const sweep of o.sweeps) {
        await runOne(sweep);
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
