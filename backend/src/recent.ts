import type { Clock } from "@agentvine/kit";

/** Values that hold for a short while, few enough to keep in memory. */
export interface Recent<Value> {
  /** The value while it holds. */
  get(key: string): Value | undefined;
  /** Keeps it, unless everything was forgotten since `generation` was read: it may have been looked up before that. */
  set(key: string, value: Value, generation?: number): void;
  /** Rises when everything is forgotten. */
  generation(): number;
  /** Forgets everything. */
  clear(): void;
}

export function createRecent<Value>(options: {
  clock: Pick<Clock, "monotonicMs">;
  /** How long a value holds. */
  msMax: number;
  /** How many are kept; the oldest goes first. */
  sizeMax: number;
}): Recent<Value> {
  const { clock, msMax, sizeMax } = options;
  const kept = new Map<string, { value: Value; untilMs: number }>();
  let generation = 0;
  return {
    get: (key) => {
      const found = kept.get(key);
      if (found === undefined || found.untilMs > clock.monotonicMs()) {
        return found?.value;
      }
      kept.delete(key);
      return undefined;
    },
    set: (key, value, since = generation) => {
      if (since !== generation) {
        return;
      }
      const [oldest] = kept.keys();
      if (kept.size >= sizeMax && !kept.has(key) && oldest !== undefined) {
        kept.delete(oldest);
      }
      kept.delete(key);
      kept.set(key, { value, untilMs: clock.monotonicMs() + msMax });
    },
    generation: () => generation,
    clear: () => {
      generation += 1;
      kept.clear();
    },
  };
}
