import type { Evidence } from "@agentvine/contracts";
import type { GateInput } from "../specialized/recipe.ts";
import { checkTestsKept, checkTestsPass } from "./checks/check-tests.ts";
import { countOf, isSameFile, listShort } from "./checks/file-kinds.ts";
import type { GateRecord } from "./gate-record.ts";
import type { JudgedTests } from "./judge-tests.ts";
import { withTests } from "./with-tests.ts";

function checkTestsAdded({ result, comparison, testFiles }: JudgedTests, record: GateRecord): string {
  if (testFiles.length === 0) {
    record.failed("tests added", "No test was added or changed: add tests that show the new behaviour.");
    return "";
  }
  const ran = result.report?.tests.filter(
    (test) =>
      test.status !== "skipped" &&
      (test.file === "" || testFiles.some((path) => isSameFile(path, test.file))),
  );
  if (ran !== undefined && ran.length === 0) {
    record.failed("tests added", `No test in ${listShort(testFiles)} is run by the test command.`);
    return "";
  }
  const added = comparison?.added.length ?? 0;
  const reason = added > 0 ? `${countOf(added, "test")} added` : `Tests changed in ${listShort(testFiles)}`;
  record.passed("tests added", `${reason}.`);
  return reason;
}

/** `feature`: the test command passes, tests were added or changed, nothing that passed at the base fails now. */
export function featureGate(input: GateInput): Promise<Evidence> {
  return withTests(input, async ({ judged, record }) => {
    checkTestsPass(judged, record);
    checkTestsKept(judged, record);
    const added = checkTestsAdded(judged, record);
    const counted = judged.result.report?.tests.filter((test) => test.status === "passed").length;
    const all = counted === undefined ? "the test command passes" : `${countOf(counted, "test")} pass`;
    return `${added}; ${all} and nothing that passed at the base fails.`;
  });
}
