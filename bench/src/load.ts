export interface LoadOptions {
  /** How many do it at the same time. */
  concurrency: number;
  /** Not measured: caches and plans warm up. */
  warmUpMs: number;
  durationMs: number;
}

export interface LoadResult {
  /** Finished within the measured time. */
  count: number;
  perSecond: number;
  /** How long each took, in milliseconds. */
  latenciesMs: number[];
}

/**
 * Lets `concurrency` callers do `work` again and again, and counts what they finish after the warm-up. Goes on until something is
 * finished, should nothing be in time. A failure ends it.
 */
export async function runLoad(
  { concurrency, warmUpMs, durationMs }: LoadOptions,
  work: (caller: number) => Promise<unknown>,
): Promise<LoadResult> {
  const startMs = performance.now() + warmUpMs;
  const endMs = startMs + durationMs;
  const latenciesMs: number[] = [];
  let countedMs = durationMs;
  const isOpen = (nowMs: number): boolean => nowMs <= endMs || latenciesMs.length === 0;
  const keepWorking = async (caller: number): Promise<void> => {
    for (let beganMs = performance.now(); isOpen(beganMs); beganMs = performance.now()) {
      await work(caller);
      const finishedMs = performance.now();
      if (finishedMs <= startMs || !isOpen(finishedMs)) continue;
      latenciesMs.push(finishedMs - beganMs);
      countedMs = Math.max(countedMs, finishedMs - startMs);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, (_, caller) => keepWorking(caller)));
  return {
    count: latenciesMs.length,
    perSecond: latenciesMs.length / (countedMs / 1_000),
    latenciesMs,
  };
}
