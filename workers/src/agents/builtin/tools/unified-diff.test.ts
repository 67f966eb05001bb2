import { describe, expect, it } from "vitest";
import { oneHunkDiff } from "./unified-diff.ts";

const numbered = (count: number): string =>
  Array.from({ length: count }, (_, index) => `line ${index + 1}\n`).join("");

describe("oneHunkDiff", () => {
  it("shows what changes with three lines around it", () => {
    const before = numbered(10);
    expect(oneHunkDiff("a.txt", before, before.replace("line 5\n", "five\nand a half\n"))).toBe(
      "--- a/a.txt\n+++ b/a.txt\n@@ -2,7 +2,8 @@\n line 2\n line 3\n line 4\n-line 5\n+five\n+and a half\n line 6\n line 7\n line 8\n",
    );
  });

  it("shows a new file as nothing but added lines", () => {
    expect(oneHunkDiff("b.txt", null, "one\ntwo\n")).toBe(
      "--- /dev/null\n+++ b/b.txt\n@@ -0,0 +1,2 @@\n+one\n+two\n",
    );
  });

  it("cuts what is longer than 64 KiB, says so, and splits no character", () => {
    const diff = oneHunkDiff("c.txt", null, "ä€😀".repeat(20_000));
    expect(Buffer.byteLength(diff)).toBeLessThanOrEqual(65_536);
    expect(diff).toMatch(/\[the rest of the diff is cut\]$/);
    expect(diff).not.toContain("\uFFFD");
  });
});
