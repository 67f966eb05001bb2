import type { Evidence, EvidenceCommand } from "@agentvine/contracts";
import type { GateInput } from "../specialized/recipe.ts";
import { plainText } from "./test-runners/test-report.ts";

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const listLengthMax = 200;
const reasonLengthMax = 1_000;

const bounded = (ids: readonly string[]): string[] =>
  ids.length <= listLengthMax
    ? [...ids]
    : [...ids.slice(0, listLengthMax), `… and ${ids.length - listLengthMax} more`];

/** Collects what the gate does and finds, and turns it into evidence. */
export class GateRecord {
  readonly #input: GateInput;
  readonly #checks: Evidence["checks"] = [];
  readonly #commands: EvidenceCommand[] = [];
  readonly #environment: Record<string, string> = {};
  #undecided: string | null = null;
  #tests: Mutable<NonNullable<Evidence["tests"]>> | null = null;
  #coverage: Evidence["coverage"] = null;

  constructor(input: GateInput) {
    this.#input = input;
  }

  passed(name: string, reason: string): void {
    this.#add(name, "passed", reason);
  }

  failed(name: string, reason: string): void {
    this.#add(name, "failed", reason);
  }

  skipped(name: string, reason: string): void {
    this.#add(name, "skipped", reason);
  }

  /** The gate can't tell: without a failed check the result is `unverified`, for this reason (the first one counts). */
  undecided(name: string, reason: string): void {
    this.#add(name, "skipped", reason);
    this.#undecided ??= reason;
  }

  #add(name: string, status: "passed" | "failed" | "skipped", reason: string): void {
    this.#checks.push({ name, status, reason: plainText(reason, reasonLengthMax) });
  }

  command(command: EvidenceCommand): void {
    this.#commands.push(command);
  }

  environment(facts: Readonly<Record<string, string>>): void {
    Object.assign(this.#environment, facts);
  }

  tests(tests: Partial<NonNullable<Evidence["tests"]>> & { runner: string }): void {
    const lists = { redToGreen: [], greenToRed: [], added: [], removed: [], newlySkipped: [] };
    this.#tests = { base: null, result: null, ...lists, ...this.#tests, ...tests };
  }

  coverage(coverage: NonNullable<Evidence["coverage"]>): void {
    this.#coverage = coverage;
  }

  get hasFailed(): boolean {
    return this.#checks.some((check) => check.status === "failed");
  }

  /** The evidence so far. `success` is the sentence for the case that nothing failed. */
  evidence(success: string): Evidence {
    const failures = this.#checks.filter((check) => check.status === "failed");
    const [first] = failures;
    const more = failures.length > 1 ? ` (and ${failures.length - 1} more)` : "";
    const tests = this.#tests;
    return {
      verification: first !== undefined ? "failed" : this.#undecided !== null ? "unverified" : "passed",
      reason:
        first !== undefined
          ? `${first.reason}${more}`
          : (this.#undecided ?? plainText(success, reasonLengthMax)),
      round: this.#input.round,
      checks: this.#checks,
      commands: this.#commands,
      tests:
        tests === null
          ? null
          : {
              ...tests,
              redToGreen: bounded(tests.redToGreen),
              greenToRed: bounded(tests.greenToRed),
              added: bounded(tests.added),
              removed: bounded(tests.removed),
              newlySkipped: bounded(tests.newlySkipped),
            },
      coverage: this.#coverage,
      files: [...this.#input.files],
      environment: this.#environment,
    };
  }
}
