/** Time as a dependency. Durations are measured with `monotonicMs`, which no change of the system time moves. */
export interface Clock {
  now(): Date;
  /** Milliseconds since some fixed moment of this process. */
  monotonicMs(): number;
}

export const systemClock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
};
