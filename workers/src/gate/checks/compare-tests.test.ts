import { describe, expect, it } from "vitest";
import { reportOf, type TestStatus } from "../test-runners/test-report.ts";
import { compareTests } from "./compare-tests.ts";

/** `file > name: status`; without a name the file as a whole. */
const report = (...lines: string[]) =>
  reportOf(
    lines.map((line) => {
      const [id = "", status = "passed"] = line.split(": ");
      const [file = "", ...path] = id.split(" > ");
      return { file, path, status: status as TestStatus };
    }),
  );

const nothing = { greenToRed: [], stillRed: [], newRed: [], added: [], removed: [], newlySkipped: [] };

describe("compareTests", () => {
  it("finds nothing where nothing changed", () => {
    const same = report("a > 1", "a > 2: skipped");
    expect(compareTests(same, same)).toEqual(nothing);
  });

  it("sorts every test into one list", () => {
    const base = report(
      "a > green",
      "a > red: failed",
      "a > gone",
      "a > skips",
      "a > fixed: failed",
      "a > off: skipped",
    );
    const result = report(
      "a > green: failed",
      "a > red: failed",
      "a > skips: skipped",
      "a > fixed",
      "a > new",
      "a > bad: failed",
    );
    expect(compareTests(base, result)).toEqual({
      greenToRed: ["a > green"],
      stillRed: ["a > red"],
      newRed: ["a > bad"],
      added: ["a > new", "a > bad"],
      removed: ["a > gone"],
      newlySkipped: ["a > skips"],
    });
  });

  it("takes a moved test for the same, also when it is skipped or red there", () => {
    expect(compareTests(report("a > s > 1"), report("b > s > 1"))).toEqual(nothing);
    expect(compareTests(report("a > 1"), report("b > 1: skipped")).newlySkipped).toEqual(["a > 1"]);
    expect(compareTests(report("a > 1"), report("b > 1: failed")).greenToRed).toEqual(["b > 1"]);
  });

  it("does not take two tests of one name for one", () => {
    expect(compareTests(report("a > 1", "b > 1"), report("c > 1"))).toMatchObject({ removed: ["b > 1"] });
    expect(compareTests(report("a > 1", "a > 1"), report("a > 1"))).toMatchObject({ removed: ["a > 1 #2"] });
  });

  it("lets a file that can't be loaded stand for its tests, once", () => {
    expect(compareTests(report("a > 1", "a > 2"), report("a: failed"))).toEqual({
      ...nothing,
      greenToRed: ["a"],
    });
    expect(compareTests(report("a > 1: failed"), report("a: failed"))).toEqual({
      ...nothing,
      stillRed: ["a > 1"],
      newRed: ["a"],
    });
  });

  it("lets a file skipped as a whole stand for its tests", () => {
    expect(compareTests(report("a > 1", "a > 2"), report("a: skipped")).newlySkipped).toEqual([
      "a > 1",
      "a > 2",
    ]);
  });

  it("notices that a file which passes as a whole has lost its tests", () => {
    expect(compareTests(report("a > 1"), report("a"))).toEqual({ ...nothing, removed: ["a > 1"] });
  });

  it("lets a plain script become a file of tests", () => {
    expect(compareTests(report("a"), report("a > 1"))).toEqual({ ...nothing, added: ["a > 1"] });
  });

  it("does not blame anyone for tests of a file that could not be loaded at the base", () => {
    expect(compareTests(report("a: failed"), report("a > 1", "a > 2: failed"))).toEqual({
      ...nothing,
      added: ["a > 1", "a > 2"],
    });
  });
});
