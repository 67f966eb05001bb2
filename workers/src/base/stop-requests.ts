import { onShutdownSignals } from "@agentvine/kit";

/** What of a process is listened to; replaced in tests. */
export interface StopSource {
  /** Standard input; its end means that whoever started us is gone. */
  readonly stdin: Pick<NodeJS.ReadStream, "on" | "off" | "resume">;
  readonly onSignals: typeof onShutdownSignals;
}

/**
 * Calls `stop` on SIGTERM and SIGINT, and when told so at the end of stdin. The process ends by itself once it has stopped; a second
 * signal ends it at once.
 * @returns a function that stops listening.
 */
export const onStopRequest = (
  options: { readonly isStoppedWithStdin: boolean },
  stop: (reason: string) => void,
  { stdin, onSignals }: StopSource = { stdin: process.stdin, onSignals: onShutdownSignals },
): (() => void) => {
  const removeSignals = onSignals((signal) => {
    stop(signal);
    return new Promise(() => undefined);
  });
  const onEnd = (): void => stop("the process that started this worker is gone");
  if (options.isStoppedWithStdin) {
    stdin.on("end", onEnd);
    // A broken pipe is an end as well.
    stdin.on("error", onEnd);
    stdin.resume();
  }
  return () => {
    removeSignals();
    stdin.off("end", onEnd);
    stdin.off("error", onEnd);
  };
};
