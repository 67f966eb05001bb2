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

/** Lets `concurrency` callers do `work` again and again, and counts what they finish after the warm-up. A failure ends it. */
export async function runLoad(
  { concurrency, warmUpMs, durationMs }: LoadOptions,
  work: (caller: number) => Promise<unknown>,
): Promise<LoadResult> {
  const startMs = performance.now() + warmUpMs;
  const endMs = startMs + durationMs;
  const latenciesMs: number[] = [];
  const keepWorking = async (caller: number): Promise<void> => {
    for (let beganMs = performance.now(); beganMs < endMs; beganMs = performance.now()) {
      await work(caller);
      const finishedMs = performance.now();
      if (finishedMs > startMs && finishedMs <= endMs) latenciesMs.push(finishedMs - beganMs);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, (_, caller) => keepWorking(caller)));
  return {
    count: latenciesMs.length,
    perSecond: latenciesMs.length / (durationMs / 1_000),
    latenciesMs,
  };
}
