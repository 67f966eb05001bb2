import { deferred } from "@agentvine/kit";
import { describe, expect, it } from "vitest";
import { shareRead } from "./shared-read.ts";

/** A read that is answered by hand. */
function heldReads() {
  const reads: ReturnType<typeof deferred<number>>[] = [];
  const read = shareRead(() => {
    const held = deferred<number>();
    reads.push(held);
    return held.promise;
  });
  return { read, reads };
}

describe("a shared read", () => {
  it("answers all who ask while one runs with the next, which began after they asked", async () => {
    const { read, reads } = heldReads();
    const first = read();
    const later = Array.from({ length: 50 }, () => read());
    expect(reads).toHaveLength(1);
    reads[0]?.resolve(1);
    expect(await first).toBe(1);
    expect(reads).toHaveLength(2);
    const last = read();
    reads[1]?.resolve(2);
    expect(await Promise.all(later)).toEqual(Array.from({ length: 50 }, () => 2));
    reads[2]?.resolve(3);
    expect(await last).toBe(3);
  });

  it("runs anew when nobody waits, and once at a time", async () => {
    const { read, reads } = heldReads();
    for (const n of [0, 1, 2]) {
      const asked = read();
      expect(reads).toHaveLength(n + 1);
      reads[n]?.resolve(n);
      expect(await asked).toBe(n);
    }
  });

  it("tells a failure to those who asked for it, and to nobody else", async () => {
    const { read, reads } = heldReads();
    const first = read();
    const second = read();
    reads[0]?.reject(new Error("gone"));
    await expect(first).rejects.toThrow("gone");
    reads[1]?.resolve(2);
    expect(await second).toBe(2);
  });
});
