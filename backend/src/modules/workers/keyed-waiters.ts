/** Requests that wait for news about one key. */
export interface KeyedWaiters {
  /** Resolves on the next wake-up of the key, when time is up, the signal is aborted, or the server stops. */
  wait(key: string, waitMs: number, signal: AbortSignal): Promise<void>;
  /** Wakes those who wait for the key, or everybody. */
  wake(key?: string): void;
  /** How many wait. */
  readonly size: number;
}

/** Register with `wait` before looking, then look, then await: no news is lost in between. */
export function createKeyedWaiters(): KeyedWaiters {
  const waiting = new Map<string, Set<() => void>>();

  const remove = (key: string, done: () => void): void => {
    const others = waiting.get(key);
    others?.delete(done);
    if (others?.size === 0) {
      waiting.delete(key);
    }
  };

  return {
    get size() {
      return [...waiting.values()].reduce((sum, { size }) => sum + size, 0);
    },
    wait: (key, waitMs, signal) =>
      new Promise((resolve) => {
        if (signal.aborted || waitMs <= 0) {
          resolve();
          return;
        }
        const done = (): void => {
          clearTimeout(timer);
          signal.removeEventListener("abort", done);
          remove(key, done);
          resolve();
        };
        const timer = setTimeout(done, waitMs);
        signal.addEventListener("abort", done, { once: true });
        waiting.set(key, (waiting.get(key) ?? new Set()).add(done));
      }),
    wake: (key) => {
      const keys = key === undefined ? [...waiting.keys()] : [key];
      for (const one of keys) {
        for (const done of [...(waiting.get(one) ?? [])]) {
          done();
        }
      }
    },
  };
}
