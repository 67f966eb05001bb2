/** How often the same call may bring the same result before the model is told, and before it is given up. */
export const repeatsTold = 5;
export const repeatsMax = 8;

export interface GuardedCall {
  readonly name: string;
  readonly input: unknown;
  readonly result: string;
  /** It changed a file: what was done before may be worth doing again. */
  readonly isChange: boolean;
}

/**
 * Notices an agent that goes in circles: the same call with the same result again and again, without a change to a file
 * between. Changes themselves are never forgotten, so that writing the same thing back and forth is noticed too.
 */
export class LoopGuard {
  readonly #seen = new Map<string, number>();
  readonly #changes = new Map<string, number>();

  /** How often this call has brought this result, now included. */
  note({ name, input, result, isChange }: GuardedCall): number {
    // Durations and process ids differ from run to run and are no progress.
    const key = JSON.stringify([name, input, isChange ? "" : result.replaceAll(/\d+/g, "#")]);
    const counts = isChange ? this.#changes : this.#seen;
    const count = (counts.get(key) ?? 0) + 1;
    if (isChange) this.#seen.clear();
    counts.set(key, count);
    return count;
  }
}
