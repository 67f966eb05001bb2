import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createRecent } from "./recent.ts";

const clockAt = (nowMs: { value: number }) => ({ monotonicMs: () => nowMs.value });

describe("recent values", () => {
  it("hold for their time and no longer", () => {
    const nowMs = { value: 0 };
    const recent = createRecent<string>({ clock: clockAt(nowMs), msMax: 10, sizeMax: 5 });
    recent.set("a", "1");
    nowMs.value = 9;
    expect(recent.get("a")).toBe("1");
    nowMs.value = 10;
    expect(recent.get("a")).toBeUndefined();
  });

  it("that were looked up before everything was forgotten are not kept", () => {
    const recent = createRecent<string>({ clock: clockAt({ value: 0 }), msMax: 10, sizeMax: 5 });
    const before = recent.generation();
    recent.clear();
    recent.set("a", "stale", before);
    expect(recent.get("a")).toBeUndefined();
    recent.set("a", "fresh", recent.generation());
    expect(recent.get("a")).toBe("fresh");
  });

  it("are never more than allowed, and the latest is always among them", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(30), { minLength: 1 }), fc.integer({ min: 1, max: 8 }), (keys, sizeMax) => {
        const recent = createRecent<number>({ clock: clockAt({ value: 0 }), msMax: 1, sizeMax });
        for (const key of keys) recent.set(String(key), key);
        const kept = [...new Set(keys)].filter((key) => recent.get(String(key)) === key);
        expect(kept.length).toBe(Math.min(sizeMax, new Set(keys).size));
        expect(recent.get(String(keys.at(-1)))).toBe(keys.at(-1));
      }),
    );
  });
});
