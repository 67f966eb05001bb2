import { afterEach, expect, test, vi } from "vitest";
import { propertyRuns, propertyTimeoutMs } from "./property-runs.ts";

afterEach(() => {
  vi.unstubAllEnvs();
});

test("a property runs as often as it says, from the same seed every time", () => {
  vi.stubEnv("AGENTVINE_TEST_RUNS", undefined);
  vi.stubEnv("AGENTVINE_TEST_SEED", undefined);
  expect(propertyRuns(7, { isSlow: true })).toEqual({ ...propertyRuns(7), endOnFailure: true });
  expect([propertyRuns(7).numRuns, propertyTimeoutMs(1_000)]).toEqual([7, 1_000]);
});

test("the environment raises the runs, with a new seed or a named one", () => {
  vi.stubEnv("AGENTVINE_TEST_RUNS", "20");
  const usual = propertyRuns(7).seed;
  expect([propertyRuns(7).numRuns, propertyTimeoutMs(1_000)]).toEqual([140, 20_000]);
  vi.stubEnv("AGENTVINE_TEST_SEED", "-5");
  expect(propertyRuns(7).seed).toBe(-5);
  expect(usual).toBeGreaterThan(0);
  vi.stubEnv("AGENTVINE_TEST_RUNS", "many");
  expect(() => propertyRuns(7)).toThrow("AGENTVINE_TEST_RUNS must be a whole number");
});
