import type { TestReport, TestResult } from "../test-runners/test-report.ts";

/** What became of the tests between base and result, by id. */
export interface TestComparison {
  readonly greenToRed: readonly string[];
  /** Red on both commits: not the agent's. */
  readonly stillRed: readonly string[];
  /** Red in the result and unknown to the base. */
  readonly newRed: readonly string[];
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly newlySkipped: readonly string[];
}

const nameInFile = (test: TestResult): string =>
  test.isWholeFile ? test.id : test.id.slice(test.file === "" ? 0 : test.file.length + 3);

/** A test that went to another file under the same name was moved, not deleted. */
function matchMoved(base: readonly TestResult[], result: readonly TestResult[]): Map<string, TestResult> {
  const byId = new Map(result.map((test) => [test.id, test]));
  const baseIds = new Set(base.map((test) => test.id));
  const free = new Map<string, TestResult[]>();
  for (const test of result) {
    if (!baseIds.has(test.id)) {
      free.set(nameInFile(test), [...(free.get(nameInFile(test)) ?? []), test]);
    }
  }
  const matched = new Map<string, TestResult>();
  for (const test of base) {
    const same = byId.get(test.id) ?? free.get(nameInFile(test))?.shift();
    if (same !== undefined) {
      matched.set(test.id, same);
    }
  }
  return matched;
}

/** Tests of a file that failed or was skipped as a whole are not in the report: the file stands for them. */
function filesAsWhole(report: TestReport): Map<string, TestResult> {
  return new Map(report.tests.filter((test) => test.isWholeFile).map((test) => [test.file, test]));
}

type Fate = "kept" | "removed" | "skipped" | "turned red" | "still red";

/** What became of one test of the base; `now` is itself, or its whole file when that could not be run. */
function fateOf(test: TestResult, now: TestResult | undefined): Fate {
  if (now === undefined || (now.isWholeFile && !test.isWholeFile && now.status === "passed")) {
    return test.status === "skipped" ? "kept" : "removed";
  }
  if (now.status === "skipped") {
    return test.status === "skipped" ? "kept" : "skipped";
  }
  if (now.status === "failed") {
    return test.status === "failed" ? "still red" : "turned red";
  }
  return "kept";
}

/** Files that could not be loaded at the base: what they hold now was never green. */
const filesRedAtBase = (base: TestReport): Set<string> =>
  new Set(base.tests.filter((test) => test.isWholeFile && test.status === "failed").map((test) => test.file));

/** Compares two runs of the same command. */
export function compareTests(base: TestReport, result: TestReport): TestComparison {
  const matched = matchMoved(base.tests, result.tests);
  const wholeFiles = filesAsWhole(result);
  const filesWithTests = new Set(result.tests.filter((test) => !test.isWholeFile).map((test) => test.file));
  const fates = base.tests
    .map((test) => {
      const now = matched.get(test.id) ?? wholeFiles.get(test.file);
      return { test, now, fate: fateOf(test, now) };
    })
    // A file that was one plain script and now holds tests has lost nothing.
    .filter(({ test, fate }) => !(fate === "removed" && test.isWholeFile && filesWithTests.has(test.file)));
  const idsOf = (fate: Fate) => fates.filter((entry) => entry.fate === fate).map(({ test }) => test.id);
  const turnedRed = fates.filter(({ fate }) => fate === "turned red");
  const greenToRed = [...new Set(turnedRed.map(({ test, now }) => now?.id ?? test.id))];
  const known = new Set([...matched.values()].map((test) => test.id));
  const added = result.tests.filter((test) => !known.has(test.id));
  const oldFaults = filesRedAtBase(base);
  return {
    greenToRed,
    stillRed: idsOf("still red"),
    removed: idsOf("removed"),
    newlySkipped: idsOf("skipped"),
    newRed: added
      .filter(
        (test) => test.status === "failed" && !greenToRed.includes(test.id) && !oldFaults.has(test.file),
      )
      .map((test) => test.id),
    added: added.filter((test) => !test.isWholeFile).map((test) => test.id),
  };
}
