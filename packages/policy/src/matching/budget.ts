/** A decision would take longer than it may: it is then made by a person. */
export class OverBudget extends Error {
  override readonly name = "OverBudget";
}

/** What one decision may cost, in steps of some tens of nanoseconds: 100 ms at the very worst, counted and not timed. */
const stepsMax = 2_000_000;

/** Counts the steps of one decision, so that no rule set and no request can hold the server up. */
export class Budget {
  #left: number;

  constructor(steps: number = stepsMax) {
    this.#left = steps;
  }

  /** @throws OverBudget */
  spend(steps: number): void {
    this.#left -= steps;
    if (this.#left < 0) {
      throw new OverBudget("the rules take too long on this request");
    }
  }
}
