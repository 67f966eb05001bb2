import { constants } from "node:os";

/** What is needed of `process`; replaced in tests. */
export interface SignalSource {
  on(signal: NodeJS.Signals, listener: (signal: NodeJS.Signals) => void): unknown;
  off(signal: NodeJS.Signals, listener: (signal: NodeJS.Signals) => void): unknown;
  exit(code: number): void;
  readonly exitCode?: number | string | null | undefined;
}

export interface ShutdownOptions {
  /** The process is ended by force when stopping takes longer. */
  forceAfterMs?: number;
  /** A second signal this soon is the same key press: `npm run` forwards the Ctrl-C that the terminal sent already. */
  repeatIgnoredMs?: number;
  source?: SignalSource;
}

const shutdownSignals: NodeJS.Signals[] = ["SIGTERM", "SIGINT"];

/**
 * On the first SIGTERM or SIGINT calls `stop` and then exits (0, or `process.exitCode`; 1 when `stop` failed). A second
 * signal, or `forceAfterMs`, ends the process at once with 128 + the signal's number.
 * @returns a function that removes the handlers.
 */
export function onShutdownSignals(
  stop: (signal: NodeJS.Signals) => Promise<void>,
  { forceAfterMs, repeatIgnoredMs = 500, source = process }: ShutdownOptions = {},
): () => void {
  let firstAtMs: number | undefined;
  const onSignal = (signal: NodeJS.Signals): void => {
    const force = (): void => source.exit(128 + constants.signals[signal]);
    if (firstAtMs !== undefined) {
      if (performance.now() - firstAtMs >= repeatIgnoredMs) {
        force();
      }
      return;
    }
    firstAtMs = performance.now();
    if (forceAfterMs !== undefined) {
      setTimeout(force, forceAfterMs).unref();
    }
    stop(signal).then(
      () => source.exit(Number(source.exitCode ?? 0)),
      () => source.exit(1),
    );
  };
  for (const signal of shutdownSignals) {
    source.on(signal, onSignal);
  }
  return () => {
    for (const signal of shutdownSignals) {
      source.off(signal, onSignal);
    }
  };
}
