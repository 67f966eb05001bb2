import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { tempDir, useTempDir } from "./temp-dir.ts";

describe("tempDir", () => {
  it("makes a new directory and removes it with its content", async () => {
    let path: string;
    {
      await using dir = await tempDir();
      path = dir.path;
      writeFileSync(join(path, "file"), "x");
      expect(existsSync(path)).toBe(true);
    }
    expect(existsSync(path)).toBe(false);
  });
});

describe("useTempDir", () => {
  const seen: string[] = [];
  const dir = useTempDir();

  it("gives the first test a directory", () => {
    seen.push(dir());
    expect(existsSync(dir())).toBe(true);
  });

  it("gives the next test another one and has removed the first", () => {
    expect(dir()).not.toBe(seen[0]);
    expect(existsSync(seen[0] ?? "")).toBe(false);
  });
});

it("refuses to name a directory before a test runs", () => {
  expect(outside).toThrow("only while a test runs");
});
const outside = ((): (() => string) => {
  let get: () => string = () => "";
  describe("a block that has ended", () => {
    get = useTempDir();
    it("has a directory inside", () => {
      expect(get()).toContain("agentvine-test-");
    });
  });
  return () => get();
})();
