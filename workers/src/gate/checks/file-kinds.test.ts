import { describe, expect, it } from "vitest";
import {
  countOf,
  isDocumentation,
  isGenerated,
  isMarkdown,
  isSameFile,
  isTestFile,
  listShort,
} from "./file-kinds.ts";

describe("kinds of files", () => {
  it.each([
    "test/cart.js",
    "src/cart.test.ts",
    "src/__tests__/cart.tsx",
    "src/__snapshots__/cart.test.ts.snap",
    "tests/test_cart.py",
    "cart_test.go",
    "conftest.py",
    "spec/cart.spec.rb",
    "test.js",
    "src/CartTest.java",
  ])("%s belongs to the tests", (path) => {
    expect(isTestFile(path)).toBe(true);
  });

  it.each([
    "src/cart.ts",
    "src/latest.ts",
    "contest/a.js",
    "vitest.config.ts",
    "src/testing.ts",
    "src/attest.js",
  ])("%s does not", (path) => {
    expect(isTestFile(path)).toBe(false);
  });

  it.each(["README.md", "docs/conf.py", "a/b.rst", "LICENSE", "CHANGELOG.txt", "public/logo.svg"])(
    "%s is documentation",
    (path) => {
      expect(isDocumentation(path)).toBe(true);
    },
  );

  it.each(["src/docs.ts", "requirements.txt", "package.json", "robots.txt"])("%s is not", (path) => {
    expect(isDocumentation(path)).toBe(false);
  });

  it.each(["node_modules/a/b.js", "a/__pycache__/b.pyc", "coverage/lcov.info", "x.orig", "npm-debug.log"])(
    "%s is left behind by tools",
    (path) => {
      expect(isGenerated(path)).toBe(true);
    },
  );

  it.each(["src/coverage/measure.ts", "src/cache.ts", "original"])("%s is not", (path) => {
    expect(isGenerated(path)).toBe(false);
  });

  it("knows Markdown, the same file by the end of its path, and how to list", () => {
    expect(isMarkdown("a.MD")).toBe(true);
    expect(isSameFile("packages/a/test/x.js", "test/x.js")).toBe(true);
    expect(isSameFile("test/ax.js", "x.js")).toBe(false);
    expect(isSameFile("test/x.js", "")).toBe(false);
    expect(listShort(["a", "b"])).toBe("a, b");
    expect(listShort(["a", "b", "c", "d"])).toBe("a, b, c and 1 more");
    expect([countOf(1, "test"), countOf(2, "test")]).toEqual(["1 test", "2 tests"]);
  });
});
