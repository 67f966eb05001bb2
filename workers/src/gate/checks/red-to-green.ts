import { describeEnd } from "../gate-command.ts";
import type { JudgedTests } from "../judge-tests.ts";
import type { TestRun } from "../test-runners/run-tests.ts";
import type { TestReport, TestResult } from "../test-runners/test-report.ts";
import { isSameFile, listShort } from "./file-kinds.ts";

/** What is demonstrably mended, or why nothing is. */
export interface RedToGreen {
  readonly ids: readonly string[];
  /** How it was red, for people. */
  readonly how: string;
  /** Why `ids` is empty; empty otherwise. */
  readonly reason: string;
}

/** A file that only lacks what the agent has added since says nothing about the bug. */
const missingSymbol =
  /Cannot find (?:module|package)|ERR_MODULE_NOT_FOUND|does not provide an export|No matching export|Failed to (?:load|resolve) (?:url|import)|ModuleNotFoundError|ImportError|cannot import name|has no exported member|Does the file exist/i;

type Verdict = "red" | "hung" | "green" | "not loaded" | "unknown";

function verdictOf(test: TestResult, run: TestRun, isAgents: boolean): Verdict {
  const tests = run.report?.tests ?? [];
  const same = tests.find((candidate) => candidate.id === test.id);
  if (same !== undefined) {
    if (same.status === "failed" && same.isWholeFile && isAgents && missingSymbol.test(same.message)) {
      return "not loaded";
    }
    return same.status === "failed" ? "red" : "green";
  }
  const file = tests.find((candidate) => candidate.isWholeFile && candidate.file === test.file);
  if (file?.status === "failed") {
    return isAgents && missingSymbol.test(file.message) ? "not loaded" : "red";
  }
  return run.command.endedBy === "timeout" ? "hung" : "unknown";
}

const failing = (report: TestReport | null): string[] =>
  report?.tests.filter((test) => test.status === "failed").map((test) => test.id) ?? [];

const isRed = (run: TestRun): boolean =>
  !run.hasNoTests && (run.command.endedBy !== "exit" || run.command.exitCode !== 0);

/** Only exit codes are known, or the command fails before any test: the command as a whole must turn from red to green. */
function wholeCommand(judged: JudgedTests, onBase: TestRun): RedToGreen | null {
  const { base, result } = judged;
  const isGreen = result.command.endedBy === "exit" && result.command.exitCode === 0;
  // What only the new tests bring about before any test ran may be no more than a missing name.
  const isTold = onBase.report !== null || base.report === null;
  if (!isGreen || !isRed(onBase) || failing(onBase.report).length > 0 || !isTold) {
    return null;
  }
  return { ids: [judged.testCommand.resolved.line], how: `it ${describeEnd(onBase.command)}`, reason: "" };
}

function whyNothing(judged: JudgedTests, onBase: TestRun, notLoaded: readonly string[]): string {
  const { base, result, testFiles } = judged;
  const red = new Set([...failing(base.report), ...failing(onBase.report)]);
  const still = failing(result.report).filter((id) => red.has(id));
  if (notLoaded.length > 0) {
    return `The new tests can't be loaded at the base commit (${listShort(notLoaded)}), so they don't show the bug: write a test that runs on the old code and fails there.`;
  }
  if (still.length > 0) {
    return `The bug is not fixed: what failed at the base still fails: ${listShort(still)}.`;
  }
  if (isRed(base) && isRed(result)) {
    return "The bug is not fixed: the test command failed at the base and still fails.";
  }
  if (red.size > 0 && testFiles.length > 0 && failing(base.report).length > 0) {
    return `The tests that failed at the base were changed so that they pass on the old code too: ${listShort(failing(base.report))}.`;
  }
  return testFiles.length > 0
    ? `Nothing shows the bug: the new or changed tests (${listShort(testFiles)}) pass at the base commit too.`
    : "Nothing shows the bug: no test fails at the base commit, and no test was added that does.";
}

/** The run on the old code that a test is judged by; null when there is none. */
function witnessOf(
  test: TestResult,
  { base, testFiles }: JudgedTests,
  newOnBase: TestRun | null,
): { readonly run: TestRun; readonly isAgents: boolean } | null {
  const isAgents =
    testFiles.some((path) => isSameFile(path, test.file)) || (test.file === "" && testFiles.length > 0);
  const run = isAgents ? newOnBase : base;
  return run === null ? null : { run, isAgents };
}

/**
 * What was red at the base and is green in the result. A test file the agent touched is judged by its new text on the
 * old code: otherwise a test could be bent instead of the bug mended. `newOnBase` is that run, null when no test changed
 * (or when it could not be set up).
 */
export function findRedToGreen(judged: JudgedTests, newOnBase: TestRun | null): RedToGreen {
  const looked = (judged.result.report?.tests ?? [])
    .filter((test) => test.status === "passed")
    .flatMap((test) => {
      const witness = witnessOf(test, judged, newOnBase);
      return witness === null
        ? []
        : [{ test, run: witness.run, verdict: verdictOf(test, witness.run, witness.isAgents) }];
    });
  const red = looked.filter(({ verdict }) => verdict === "red" || verdict === "hung");
  if (red.length > 0) {
    const hung = red.find(({ verdict }) => verdict === "hung");
    const how = hung === undefined ? "failed" : `the test command ${describeEnd(hung.run.command)}`;
    return { ids: red.map(({ test }) => test.id), how, reason: "" };
  }
  const notLoaded = new Set(
    looked.filter(({ verdict }) => verdict === "not loaded").map(({ test }) => test.file),
  );
  const onBase = newOnBase ?? judged.base;
  return (
    wholeCommand(judged, onBase) ?? { ids: [], how: "", reason: whyNothing(judged, onBase, [...notLoaded]) }
  );
}
