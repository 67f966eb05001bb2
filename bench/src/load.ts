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

export interface RoundsOptions {
  concurrency: number;
  /** Rounds of each caller before the clock runs. */
  warmUpRounds: number;
  /** Rounds of each caller that count. */
  rounds: number;
}

/** Lets each caller do its rounds one after the other; returns how many rounds a second all callers did together. */
export async function runRounds(
  { concurrency, warmUpRounds, rounds }: RoundsOptions,
  work: (caller: number, round: number) => Promise<unknown>,
): Promise<number> {
  const doAll = async (from: number, to: number): Promise<void> => {
    const callers = Array.from({ length: concurrency }, async (_, caller) => {
      for (let round = from; round < to; round += 1) await work(caller, round);
    });
    await Promise.all(callers);
  };
  await doAll(0, warmUpRounds);
  const startedMs = performance.now();
  await doAll(warmUpRounds, warmUpRounds + rounds);
  return (concurrency * rounds) / ((performance.now() - startedMs) / 1_000);
}
