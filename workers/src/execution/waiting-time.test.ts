import { describe, expect, it } from "vitest";
import { FakeClock } from "../base/testing/fake-clock.ts";
import { untilUsedUp, WaitingTime } from "./waiting-time.ts";

describe("WaitingTime", () => {
  it("counts waits that overlap once, and tells when the first begins and the last ends", async () => {
    const clock = new FakeClock();
    const told: boolean[] = [];
    const waiting = new WaitingTime(clock, (isWaiting) => told.push(isWaiting));
    waiting.begin();
    await clock.advance(100);
    waiting.begin();
    await clock.advance(100);
    waiting.end();
    expect(waiting.totalMs).toBe(200);
    await clock.advance(50);
    waiting.end();
    await clock.advance(1_000);
    waiting.end();
    expect(waiting.totalMs).toBe(250);
    expect(told).toEqual([true, false]);
  });

  it("does not count against the time of an execution", async () => {
    const clock = new FakeClock();
    const waiting = new WaitingTime(clock);
    let isOver = false;
    const signal = new AbortController().signal;
    void untilUsedUp(10_000, waiting, { clock, sleep: clock.sleep, signal }).then(() => {
      isOver = true;
    });
    await clock.advance(9_000);
    waiting.begin();
    await clock.advance(3_600_000);
    waiting.end();
    expect(isOver).toBe(false);
    await clock.advance(900);
    expect(isOver).toBe(false);
    await clock.advance(500);
    expect(isOver).toBe(true);
  });
});
