/** A signal that also fires when the call that made it is over, and leaves nothing behind on the signal it follows. */
export interface OverWith extends Disposable {
  readonly signal: AbortSignal;
}

/** Follows a signal for as long as a call takes: `using over = overWith(signal)`. What waits for it then is let go, whatever happened. */
export function overWith(signal: AbortSignal): OverWith {
  const over = new AbortController();
  const stop = (): void => over.abort();
  if (signal.aborted) stop();
  else signal.addEventListener("abort", stop, { once: true });
  return {
    signal: over.signal,
    [Symbol.dispose]: () => {
      signal.removeEventListener("abort", stop);
      stop();
    },
  };
}
