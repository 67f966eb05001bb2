import type { TaskType } from "@agentvine/contracts";

/** What became claimable; without `taskTypes` it may be anything. */
export interface WakeHint {
  taskTypes?: readonly TaskType[];
}

export interface ParkedClaim<T> {
  taskTypes: readonly TaskType[];
  /** Tries once more to claim; undefined when there is nothing for this worker. */
  attempt: () => Promise<T | undefined>;
  waitMs: number;
  /** Aborted when the client is gone. */
  signal: AbortSignal;
  /** `generation()` as it was before the first, empty try: a wake-up in between is not lost. */
  sinceGeneration: number;
}

interface Waiter<T> {
  taskTypes: ReadonlySet<TaskType>;
  attempt: () => Promise<T | undefined>;
  isDirty: boolean;
  isTrying: boolean;
  /** Time is up or the client is gone; a try under way still decides, for what it claims must not be thrown away. */
  isOver: boolean;
  settle: (claim: T | undefined) => void;
  fail: (error: unknown) => void;
}

/** Claims that wait for work, in the order in which they came. */
export interface ParkedClaims<T> {
  /** Rises with each wake-up. */
  generation(): number;
  /** Resolves with a claim, or undefined when time is up, the client is gone or the server stops. */
  park(claim: ParkedClaim<T>): Promise<T | undefined>;
  /** Lets the claims that could take on the new work try again, longest-waiting first. */
  wake(hint?: WakeHint): void;
  readonly size: number;
  /** Sends everybody home with nothing, now and from now on. */
  stop(): void;
}

/**
 * Parked claims. A wake-up marks those it may concern; they then try one after the other (few at a time), so that the one
 * who has waited longest takes the order and a burst of wake-ups costs one round of tries.
 */
export function createParkedClaims<T>({ triesAtOnceMax = 4 } = {}): ParkedClaims<T> {
  const waiters = new Set<Waiter<T>>();
  let generation = 0;
  let trying = 0;
  let isStopped = false;

  const tryOne = async (waiter: Waiter<T>): Promise<void> => {
    waiter.isDirty = false;
    waiter.isTrying = true;
    trying += 1;
    try {
      const claim = await waiter.attempt();
      if (claim !== undefined || waiter.isOver) {
        waiter.settle(claim);
      }
    } catch (error) {
      waiter.fail(error);
    } finally {
      waiter.isTrying = false;
      trying -= 1;
      pump();
    }
  };

  const end = (waiter: Waiter<T>): void => {
    waiter.isOver = true;
    if (!waiter.isTrying) {
      waiter.settle(undefined);
    }
  };

  const pump = (): void => {
    for (const waiter of waiters) {
      if (trying >= triesAtOnceMax) {
        return;
      }
      if (waiter.isDirty && !waiter.isTrying && !waiter.isOver) {
        void tryOne(waiter);
      }
    }
  };

  return {
    generation: () => generation,
    get size() {
      return waiters.size;
    },
    park: ({ taskTypes, attempt, waitMs, signal, sinceGeneration }) =>
      new Promise((resolve, reject) => {
        if (isStopped || signal.aborted || waitMs <= 0) {
          resolve(undefined);
          return;
        }
        const leave = (): void => {
          clearTimeout(timer);
          signal.removeEventListener("abort", onEnd);
          waiters.delete(waiter);
        };
        const waiter: Waiter<T> = {
          taskTypes: new Set(taskTypes),
          attempt,
          isDirty: sinceGeneration !== generation,
          isTrying: false,
          isOver: false,
          settle: (claim) => {
            leave();
            resolve(claim);
          },
          fail: (error) => {
            leave();
            reject(error);
          },
        };
        const onEnd = (): void => end(waiter);
        const timer = setTimeout(onEnd, waitMs);
        signal.addEventListener("abort", onEnd, { once: true });
        waiters.add(waiter);
        pump();
      }),
    wake: (hint = {}) => {
      generation += 1;
      for (const waiter of waiters) {
        waiter.isDirty ||= hint.taskTypes?.some((type) => waiter.taskTypes.has(type)) ?? true;
      }
      pump();
    },
    stop: () => {
      isStopped = true;
      for (const waiter of [...waiters]) {
        end(waiter);
      }
    },
  };
}
