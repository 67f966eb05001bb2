import type { Evidence } from "@agentvine/contracts";
import type { GateInput } from "../specialized/recipe.ts";
import { checkTestsKept, checkTestsPass } from "./checks/check-tests.ts";
import { listShort } from "./checks/file-kinds.ts";
import { findRedToGreen } from "./checks/red-to-green.ts";
import { runRecorded } from "./judge-tests.ts";
import type { TestRun } from "./test-runners/run-tests.ts";
import { type TestsContext, withTests } from "./with-tests.ts";

/** The agent's new and changed tests, run on the old code. */
async function runNewTestsOnBase(input: GateInput, context: TestsContext): Promise<TestRun | null> {
  const { judged, record, checkouts } = context;
  if (judged.testFiles.length === 0) {
    return null;
  }
  const checkout = await checkouts.baseWith(judged.testFiles);
  return checkout === null
    ? null
    : await runRecorded(checkout, "new_tests_on_base", judged.testCommand, input, record);
}

/** `bugfix`: something demonstrably red at the base is green, and nothing else turned red. */
export function bugfixGate(input: GateInput): Promise<Evidence> {
  return withTests(input, async (context) => {
    const { judged, record } = context;
    const isGreen = checkTestsPass(judged, record);
    checkTestsKept(judged, record);
    if (!isGreen && record.hasFailed && judged.result.command.endedBy !== "exit") {
      record.skipped("red to green", "Not looked at: the tests of the result did not end.");
      return "";
    }
    const { ids, how, reason } = findRedToGreen(judged, await runNewTestsOnBase(input, context));
    if (ids.length === 0) {
      record.failed("red to green", reason);
      return "";
    }
    record.tests({ runner: judged.testCommand.runner.name, redToGreen: [...ids] });
    record.passed("red to green", `Red at the base (${how}), green now: ${listShort(ids)}.`);
    return `${listShort(ids)}: red at the base, green now; nothing else turned red.`;
  });
}
