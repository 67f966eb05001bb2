import type { Clock, sleep as realSleep } from "@agentvine/kit";

/** How long an execution has waited for answers. Waits that overlap count once. */
export class WaitingTime {
  readonly #clock: Clock;
  readonly #onChange: (isWaiting: boolean) => void;
  #waits = 0;
  #sinceMs = 0;
  #pastMs = 0;

  /** @param onChange told when the first wait begins and when the last one ends. */
  constructor(clock: Clock, onChange: (isWaiting: boolean) => void = () => undefined) {
    this.#clock = clock;
    this.#onChange = onChange;
  }

  get totalMs(): number {
    return this.#pastMs + (this.#waits === 0 ? 0 : this.#clock.monotonicMs() - this.#sinceMs);
  }

  begin(): void {
    this.#waits += 1;
    if (this.#waits > 1) return;
    this.#sinceMs = this.#clock.monotonicMs();
    this.#onChange(true);
  }

  end(): void {
    if (this.#waits === 0) return;
    this.#waits -= 1;
    if (this.#waits > 0) return;
    this.#pastMs += this.#clock.monotonicMs() - this.#sinceMs;
    this.#onChange(false);
  }
}

/** While an execution waits, its time stands still; it is looked at so often. */
const lookMs = 250;

/**
 * Resolves when the time is used up, not counting what the execution waited for answers.
 * @throws the signal's reason when aborted
 */
export const untilUsedUp = async (
  ms: number,
  waiting: Pick<WaitingTime, "totalMs">,
  { clock, sleep, signal }: { clock: Clock; sleep: typeof realSleep; signal: AbortSignal },
): Promise<void> => {
  const startedMs = clock.monotonicMs();
  for (;;) {
    const leftMs = ms - (clock.monotonicMs() - startedMs - waiting.totalMs);
    if (leftMs <= 0) return;
    await sleep(Math.max(leftMs, lookMs), signal);
  }
};
