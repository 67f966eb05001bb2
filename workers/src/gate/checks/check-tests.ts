import { describeEnd } from "../gate-command.ts";
import type { GateRecord } from "../gate-record.ts";
import type { JudgedTests } from "../judge-tests.ts";
import { countOf, listShort } from "./file-kinds.ts";

/** Deleted, emptied and skipped tests: ways to make a suite green without mending anything. */
export function checkTestsKept({ comparison, findings, result }: JudgedTests, record: GateRecord): void {
  const isComplete = result.command.endedBy === "exit";
  const removed = comparison === null ? findings.deleted : isComplete ? comparison.removed : [];
  const fewer = comparison === null ? findings.fewerTests : [];
  if (findings.emptied.length > 0) {
    record.failed("tests kept", `Test files were emptied: ${listShort(findings.emptied)}.`);
  } else if (removed.length > 0) {
    record.failed(
      "tests kept",
      `${countOf(removed.length, comparison === null ? "test file" : "test")} of the base ${removed.length === 1 ? "is" : "are"} gone: ${listShort(removed)}.`,
    );
  } else if (fewer.length > 0) {
    record.failed("tests kept", `Test files hold fewer tests than at the base: ${listShort(fewer)}.`);
  } else {
    record.passed("tests kept", "Every test of the base is still there.");
  }
  const skips = comparison === null ? findings.moreSkips : comparison.newlySkipped;
  if (skips.length > 0) {
    record.failed("tests not skipped", `Tests that ran at the base are skipped now: ${listShort(skips)}.`);
  } else {
    record.passed("tests not skipped", "No test that ran at the base is skipped now.");
  }
}

/** Nothing that passed at the base may fail now, and what is new must pass. True when all is well. */
export function checkTestsPass(judged: JudgedTests, record: GateRecord): boolean {
  const problem = testProblem(judged);
  if (problem === null) {
    record.passed("tests pass", passReason(judged));
    return true;
  }
  record.failed("tests pass", problem);
  return false;
}

const stillRedNote = (stillRed: readonly string[]): string =>
  stillRed.length === 0
    ? ""
    : ` ${countOf(stillRed.length, "test")} that failed at the base too: ${listShort(stillRed)}.`;

function passReason({ comparison, result }: JudgedTests): string {
  const passed = result.report?.tests.filter((test) => test.status === "passed").length;
  return passed === undefined
    ? `The test command ${describeEnd(result.command)}.`
    : `${countOf(passed, "test")} pass${passed === 1 ? "es" : ""}.${stillRedNote(comparison?.stillRed ?? [])}`;
}

function messageOf({ result }: JudgedTests, id: string | undefined): string {
  const message = result.report?.tests.find((test) => test.id === id)?.message ?? "";
  return message === "" ? "" : ` (${message.length > 200 ? `${message.slice(0, 199)}…` : message})`;
}

/** Tests red in the result that the base does not excuse. */
function agentsRed({ comparison, result }: JudgedTests): readonly string[] {
  if (comparison !== null) {
    return [...comparison.greenToRed, ...comparison.newRed];
  }
  return result.report?.tests.filter((test) => test.status === "failed").map((test) => test.id) ?? [];
}

function describeRed(judged: JudgedTests, red: readonly string[]): string {
  const turned = judged.comparison?.greenToRed.length ?? 0;
  const detail = `${listShort(red)}${messageOf(judged, red[0])}`;
  return turned > 0
    ? `${countOf(turned, "test")} that passed at the base ${turned === 1 ? "fails" : "fail"} now: ${detail}.`
    : `${countOf(red.length, "test")} ${red.length === 1 ? "fails" : "fail"}: ${detail}.`;
}

function commandProblem({ base, result, comparison, flaky }: JudgedTests): string | null {
  const isExcused = (comparison?.stillRed.length ?? 0) > 0 || flaky.length > 0;
  if (result.command.exitCode === 0 || isExcused) {
    return null;
  }
  const noTest = result.report === null ? "" : " although no single test is reported as failing";
  const alsoAtBase = base.command.exitCode === 0 ? "" : " It fails at the base commit too.";
  return `The test command ${describeEnd(result.command)}${noTest}.${alsoAtBase}`;
}

function testProblem(judged: JudgedTests): string | null {
  const { base, result } = judged;
  if (result.command.endedBy !== "exit") {
    const isSame = base.command.endedBy === result.command.endedBy;
    return `The test command ${describeEnd(result.command)}.${isSame ? " It does the same at the base commit." : ""}`;
  }
  const red = agentsRed(judged);
  return red.length > 0 ? describeRed(judged, red) : commandProblem(judged);
}
