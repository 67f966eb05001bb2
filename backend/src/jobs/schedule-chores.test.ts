import { describe, expect, it } from "vitest";
import type { Chore } from "./chore.ts";
import { scheduleChores } from "./schedule-chores.ts";

const nowMs = 1_800_000_000_000;
const chore: Chore = { name: "sample", everySeconds: 60, run: async () => ({}) };

/** What a queue that holds these schedules is told. */
async function toldTo(schedulers: { key: string; every: number; next?: number }[], isFirst = false) {
  const told: string[] = [];
  await scheduleChores(
    {
      getJobSchedulers: async () => schedulers.map((one) => ({ name: one.key, ...one })),
      upsertJobScheduler: async (key) => {
        told.push(`make ${key}`);
        return undefined;
      },
      removeJobScheduler: async (key) => {
        told.push(`remove ${key}`);
        return true;
      },
    },
    [chore],
    { isFirst, nowMs },
  );
  return told;
}

describe("schedules", () => {
  it("that are fine are left alone", async () => {
    expect(await toldTo([{ key: "sample", every: 60_000, next: nowMs - 30_000 }])).toEqual([]);
  });

  it.each([
    ["are missing", []],
    ["have another interval", [{ key: "sample", every: 1_000, next: nowMs }]],
    ["have come to a stop", [{ key: "sample", every: 60_000, next: nowMs - 300_000 }]],
    ["have no next time", [{ key: "sample", every: 60_000 }]],
  ])("that %s are made", async (_, schedulers) => {
    expect(await toldTo(schedulers)).toEqual(["make sample"]);
  });

  it("of chores that are no more are removed at the start, and not later: another version may still do them", async () => {
    const schedulers = [
      { key: "sample", every: 60_000, next: nowMs },
      { key: "old", every: 60_000, next: nowMs },
    ];
    expect(await toldTo(schedulers, true)).toEqual(["remove old"]);
    expect(await toldTo(schedulers)).toEqual([]);
  });
});
