import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { compareCoverage, isNamed } from "./compare-coverage.ts";
import { parseLcov } from "./lcov.ts";

const recorded = (name: string): string =>
  readFileSync(new URL(`../testing/recorded/${name}`, import.meta.url), "utf8");

describe("parseLcov", () => {
  it.each([
    ["node.lcov", { path: "cart.js", lines: 4, linesHit: 2 }],
    ["jest.lcov", { path: "src/cart.js", lines: 7, linesHit: 6 }],
    ["pytest-cov.lcov", { path: "cart.py", lines: 4, linesHit: 3 }],
  ])("reads %s", (name, expected) => {
    expect(parseLcov(recorded(name), [])[0]).toEqual(expected);
  });

  it("merges records of one file, takes absolute paths, and trusts lines before sums", () => {
    const text =
      "SF:/w/a.js\nDA:1,0\nDA:2,1\nend_of_record\nSF:/w/a.js\nDA:1,2\nend_of_record\nSF:b.js\nLF:10\nLH:4\nend_of_record\n";
    expect(parseLcov(text, ["/w"])).toEqual([
      { path: "a.js", lines: 2, linesHit: 2 },
      { path: "b.js", lines: 10, linesHit: 4 },
    ]);
  });
});

describe("compareCoverage", () => {
  const before = [
    { path: "src/a.js", lines: 10, linesHit: 5 },
    { path: "test/a.test.js", lines: 50, linesHit: 50 },
    { path: "/usr/lib/node.js", lines: 50, linesHit: 50 },
  ];
  const after = [
    { path: "src/a.js", lines: 10, linesHit: 5 },
    { path: "src/new.js", lines: 10, linesHit: 2 },
    { path: "node_modules/x/index.js", lines: 9, linesHit: 9 },
  ];

  it("counts a file that was never loaded before as not covered, so loading it is no loss", () => {
    expect(compareCoverage(before, after, null)).toEqual({
      beforePercent: 25,
      afterPercent: 35,
      files: [
        { path: "src/a.js", beforePercent: 50, afterPercent: 50 },
        { path: "src/new.js", beforePercent: null, afterPercent: 20 },
      ],
    });
  });

  it("counts a file that is no longer loaded as lost", () => {
    expect(compareCoverage(before, [], null)).toMatchObject({ beforePercent: 50, afterPercent: 0 });
  });

  it("limits itself to the named files and folders", () => {
    expect(compareCoverage(before, after, ["src/new.js"]).files).toHaveLength(1);
    expect(compareCoverage(before, after, ["lib"])).toEqual({
      beforePercent: null,
      afterPercent: null,
      files: [],
    });
    expect(isNamed("src/a.js", ["src/"])).toBe(true);
    expect(isNamed("srcs/a.js", ["src"])).toBe(false);
  });
});
