import { backoffDelayMs, sleep } from "@agentvine/kit";
import type { ManagedProcess, ProcessExit } from "./managed-process.ts";

export interface SuperviseOptions {
  readonly start: () => ManagedProcess;
  /** Told when it ended without being asked to, and when the next start is due. */
  readonly onRestart: (exit: ProcessExit, delayMs: number) => void;
  /** Told when a new process answers again. */
  readonly onReady?: (ready: Readonly<Record<string, unknown>>) => void;
  /** A process that lived this long counts as healthy: the next pause is short again. */
  readonly healthyMs?: number;
  readonly baseMs?: number;
}

/** A process that is started again whenever it ends by itself. */
export interface Supervised {
  current(): ManagedProcess;
  /** No more restarts; stops the process. */
  stop(graceMs?: number): Promise<void>;
}

/** Keeps a process running. The first one is already started and known to be good. */
export const supervise = (first: ManagedProcess, options: SuperviseOptions): Supervised => {
  const { healthyMs = 60_000, baseMs = 500 } = options;
  const stopping = new AbortController();
  let process = first;
  const watch = async (): Promise<void> => {
    let failures = 0;
    while (!stopping.signal.aborted) {
      const startedMs = performance.now();
      const exit = await process.exited;
      if (stopping.signal.aborted) return;
      failures = performance.now() - startedMs > healthyMs ? 1 : failures + 1;
      const delayMs = backoffDelayMs(failures, { baseMs, maxMs: 15_000 });
      options.onRestart(exit, delayMs);
      await sleep(delayMs, stopping.signal).catch(() => undefined);
      if (stopping.signal.aborted) return;
      process = options.start();
      process.ready.then(options.onReady, () => undefined);
    }
  };
  const watching = watch();
  return {
    current: () => process,
    stop: async (graceMs) => {
      stopping.abort();
      await process.stop(graceMs);
      await watching;
    },
  };
};
