export interface WaitOptions {
  /** 10 s by default. */
  timeoutMs?: number;
  /** 20 ms by default. */
  intervalMs?: number;
  /** What was waited for, told when it did not come. */
  message?: string;
}

/**
 * Waits until `check` gives something truthy, and returns it. A check that throws is tried again.
 * @throws Error with the last failure as its cause when the time is up.
 */
export async function waitUntil<T>(
  check: () => T | Promise<T>,
  options: WaitOptions = {},
): Promise<NonNullable<T>> {
  const { timeoutMs = 10_000, intervalMs = 20, message = "the condition to hold" } = options;
  const endMs = performance.now() + timeoutMs;
  for (;;) {
    let failure: unknown;
    try {
      const value = await check();
      if (value) {
        return value;
      }
    } catch (error) {
      failure = error;
    }
    if (performance.now() >= endMs) {
      const reason = failure instanceof Error ? `: ${failure.message}` : "";
      throw new Error(`waited ${timeoutMs} ms for ${message}${reason}`, { cause: failure });
    }
    await new Promise((resolve) => setTimeout(resolve, intervalMs));
  }
}
