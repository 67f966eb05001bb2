import { linkSignals } from "@agentvine/client";
import { AppError, sleep } from "@agentvine/kit";
import type { Sandbox } from "./sandbox.ts";

export interface DiskWatch {
  /** Aborted with AppError `workspace.too_large` once the workspace has grown past its limit. */
  readonly signal: AbortSignal;
  stop(): void;
}

export interface DiskWatchOptions {
  readonly bytesMax: number;
  readonly intervalMs: number;
  /** Stops the watch. */
  readonly signal?: AbortSignal;
}

/** Measures the sandbox's disk use again and again; combine `signal` with the signal of the work it bounds. */
export function watchDisk(sandbox: Sandbox, options: DiskWatchOptions): DiskWatch {
  const exceeded = new AbortController();
  const stopped = linkSignals(options.signal);
  const untilStopped = stopped.signal;

  const watch = async (): Promise<void> => {
    while (!untilStopped.aborted) {
      // A measurement that fails says nothing about the size; the next one will.
      const usedBytes = await sandbox.diskUsageBytes().catch(() => 0);
      if (usedBytes > options.bytesMax && !untilStopped.aborted) {
        exceeded.abort(tooLarge(usedBytes, options.bytesMax));
        return;
      }
      await sleep(options.intervalMs, untilStopped).catch(() => {});
    }
  };
  void watch();
  return { signal: exceeded.signal, stop: () => stopped.abort() };
}

function tooLarge(usedBytes: number, bytesMax: number): AppError {
  const mebibytes = (bytes: number): string => `${Math.ceil(bytes / 1_048_576).toLocaleString("en-US")} MiB`;
  return new AppError(
    "workspace.too_large",
    `The workspace has grown to ${mebibytes(usedBytes)}; ${mebibytes(bytesMax)} are allowed.`,
    { data: { usedBytes, bytesMax } },
  );
}
