/** What `fc.assert` is told: how often, and from which seed. */
export interface PropertyRuns {
  numRuns: number;
  seed: number;
  /** True: the first failure is reported as it was found. Making it smaller takes hundreds of further runs. */
  endOnFailure: boolean;
}

const fixedSeed = 20_261_126;

const wholeNumber = (name: string): number | undefined => {
  const text = process.env[name];
  if (text === undefined || text === "") {
    return undefined;
  }
  const value = Number(text);
  if (!Number.isInteger(value)) {
    throw new Error(`${name} must be a whole number, not ${text}.`);
  }
  return value;
};

/**
 * Parameters of a property: `runs` times from a fixed seed, so that a test run says the same twice. `AGENTVINE_TEST_RUNS=20` runs every
 * property 20 times as often and from a new seed, `AGENTVINE_TEST_SEED` from a seed that a failure named.
 * @throws Error when one of them is no whole number
 */
export function propertyRuns(runs: number, { isSlow = false }: { isSlow?: boolean } = {}): PropertyRuns {
  const factor = wholeNumber("AGENTVINE_TEST_RUNS");
  const seed = wholeNumber("AGENTVINE_TEST_SEED");
  return {
    numRuns: runs * Math.max(1, factor ?? 1),
    seed: seed ?? (factor === undefined ? fixedSeed : Date.now() & 0x7fff_ffff),
    endOnFailure: isSlow,
  };
}

/** Time-out of a property's test in milliseconds: so many for its usual runs, more when more are asked for. */
export const propertyTimeoutMs = (usualMs: number): number =>
  usualMs * Math.max(1, wholeNumber("AGENTVINE_TEST_RUNS") ?? 1);
