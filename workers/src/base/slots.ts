import { deferred } from "@agentvine/kit";

/** How many executions may run at the same time, and who waits for a free place. */
export class Slots {
  readonly total: number;
  #taken = 0;
  #waiting: (() => void)[] = [];

  constructor(total: number) {
    this.total = total;
  }

  get free(): number {
    return this.total - this.#taken;
  }

  /** Takes a place; the returned function gives it back, once. */
  take(): () => void {
    this.#taken += 1;
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.#taken -= 1;
      for (const wake of this.#waiting.splice(0)) wake();
    };
  }

  /** Resolves when a place is free. @throws the signal's reason when aborted. */
  async whenFree(signal: AbortSignal): Promise<void> {
    while (this.free <= 0) {
      signal.throwIfAborted();
      const { promise, resolve, reject } = deferred<void>();
      const onAbort = (): void => reject(signal.reason);
      signal.addEventListener("abort", onAbort, { once: true });
      this.#waiting.push(resolve);
      await promise.finally(() => signal.removeEventListener("abort", onAbort));
    }
  }
}
