import { waitUntil } from "@agentvine/testkit";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type LagMeter, startLagMeter } from "./lag-meter.ts";

const overloadedMs = 400;
let meter: LagMeter;
beforeEach(() => {
  meter = startLagMeter({ overloadedMs });
});
afterEach(() => meter.stop());

function hold(ms: number): void {
  const endMs = performance.now() + ms;
  while (performance.now() < endMs);
}
/** Lets timers and answers have their turn. */
const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

test("turns that are late again and again mean overload, until one is in time", async () => {
  expect(meter.isOverloaded()).toBe(false);
  for (let late = 0; late < 5; late += 1) {
    hold(overloadedMs + 200);
    await turn();
  }
  expect(meter.isOverloaded()).toBe(true);
  expect(meter.lagMs()).toBeGreaterThan(overloadedMs);
  await waitUntil(() => !meter.isOverloaded());
});

test("one long step alone, or a machine that slept, is no overload", async () => {
  hold(2 * overloadedMs);
  await turn();
  expect(meter.isOverloaded()).toBe(false);
});
