import { expect, it } from "vitest";
import { systemClock } from "./clock.ts";

it("tells the wall time and a monotonic time that never goes back", () => {
  expect(Math.abs(systemClock.now().getTime() - Date.now())).toBeLessThan(1000);
  const first = systemClock.monotonicMs();
  expect(systemClock.monotonicMs()).toBeGreaterThanOrEqual(first);
});
