import type { Evidence } from "@agentvine/contracts";
import { z } from "zod";
import type { Checkout, GateInput } from "../specialized/recipe.ts";
import { checkTestsKept, checkTestsPass } from "./checks/check-tests.ts";
import { countOf, isTestFile, listShort } from "./checks/file-kinds.ts";
import { type CoverageComparison, compareCoverage } from "./coverage/compare-coverage.ts";
import type { FileCoverage } from "./coverage/lcov.ts";
import { measureCoverage } from "./coverage/measure-coverage.ts";
import type { Where } from "./gate-command.ts";
import type { GateRecord } from "./gate-record.ts";
import { type TestsContext, withTests } from "./with-tests.ts";

const namesSchema = z.array(z.string().min(1)).min(1).nullable().catch(null);

/** Files and folders whose coverage must rise, as the task's context names them in `files`; null means all. */
export const namedFiles = (context: Readonly<Record<string, unknown>>): readonly string[] | null =>
  namesSchema.parse(context.files ?? null)?.map((name) => name.replace(/^\.\//, "")) ?? null;

function checkOnlyTests(input: GateInput, record: GateRecord): void {
  const others = input.files.map((file) => file.path).filter((path) => !isTestFile(path));
  if (others.length === 0) {
    record.passed("only tests changed", "Only test files were changed.");
  } else if (input.task.context.allowSourceChanges === true) {
    record.skipped("only tests changed", `The task allows other changes: ${listShort(others)}.`);
  } else {
    record.failed(
      "only tests changed",
      `Only tests may be changed in this task, but ${countOf(others.length, "other file")} changed: ${listShort(others)}.`,
    );
  }
}

const shown = (value: number | null): string => (value === null ? "not measured" : `${value.toFixed(1)} %`);

/** `61.2 % → 93.4 %`. */
const coverageText = (coverage: {
  readonly beforePercent: number | null;
  readonly afterPercent: number | null;
}): string =>
  `${shown(coverage.beforePercent ?? (coverage.afterPercent === null ? null : 0))} → ${shown(coverage.afterPercent)}`;

async function measure(
  where: Where,
  open: () => Promise<Checkout | null>,
  input: GateInput,
  { judged, record }: TestsContext,
): Promise<{ files: readonly FileCoverage[] | null; reason: string }> {
  const checkout = await open();
  if (checkout === null) {
    return { files: null, reason: "its setup failed" };
  }
  const run = await measureCoverage(checkout, where, judged.testCommand, input);
  if (run.command !== null) {
    record.command(run.command);
  }
  return run;
}

function checkRose(
  coverage: CoverageComparison,
  names: readonly string[] | null,
  record: GateRecord,
): string {
  const what = names === null ? "Line coverage" : `Line coverage of ${listShort(names)}`;
  const before = coverage.beforePercent ?? 0;
  const after = coverage.afterPercent ?? 0;
  if (after > before) {
    record.passed("coverage rose", `${what} rose: ${coverageText(coverage)}.`);
    return `${what}: ${coverageText(coverage)}`;
  }
  const isFull = before >= 100 ? " There is nothing left to cover by lines." : "";
  record.failed(
    "coverage rose",
    coverage.afterPercent === null
      ? `${what} is not known: the tests load none of these files.`
      : `${what} did not rise: ${coverageText(coverage)}.${isFull}`,
  );
  return "";
}

async function checkCoverage(input: GateInput, context: TestsContext): Promise<string> {
  const { record, judged } = context;
  const { baseCheckout, resultCheckout } = judged;
  const after = await measure("result", async () => resultCheckout, input, context);
  const before =
    after.files === null ? null : await measure("base", async () => baseCheckout, input, context);
  // A base without a single test covers nothing, whatever its runner says about that.
  const beforeFiles = before?.files ?? (judged.base.hasNoTests ? [] : null);
  if (after.files === null || beforeFiles === null) {
    const side = after.files === null ? "" : " at the base commit";
    record.undecided(
      "coverage rose",
      `Coverage could not be measured${side}: ${after.reason || before?.reason}.`,
    );
    return "";
  }
  const names = namedFiles(input.task.context);
  const coverage = compareCoverage(beforeFiles, after.files, names);
  record.coverage({
    beforePercent: coverage.beforePercent,
    afterPercent: coverage.afterPercent,
    files: coverage.files.slice(0, 200),
  });
  return checkRose(coverage, names, record);
}

/** `test`: only tests changed (unless allowed), all of them pass, and the coverage of the named files rose. */
export function testGate(input: GateInput): Promise<Evidence> {
  return withTests(input, async (context) => {
    const { judged, record } = context;
    checkOnlyTests(input, record);
    const isGreen = checkTestsPass(judged, record);
    checkTestsKept(judged, record);
    if (!isGreen) {
      record.skipped("coverage rose", "Not measured, because tests fail.");
      return "";
    }
    const coverage = await checkCoverage(input, context);
    return `${coverage}; ${countOf(judged.comparison?.added.length ?? 0, "test")} added, all pass.`;
  });
}
