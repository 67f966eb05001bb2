import type { Sandbox } from "../sandbox/sandbox.ts";
import type { Checkout, GateInput } from "../specialized/recipe.ts";
import { compareTests, type TestComparison } from "./checks/compare-tests.ts";
import { changedTestFiles, listShort } from "./checks/file-kinds.ts";
import { findTampering, restoreJudge, type Tampering } from "./checks/judge-files.ts";
import { parsePackageFile, scriptsOf } from "./checks/package-file.ts";
import { readText } from "./checks/read-text.ts";
import { inspectTestFiles, type StaticFindings } from "./checks/static-tests.ts";
import { askSandbox, describeEnd, type Where } from "./gate-command.ts";
import type { GateRecord } from "./gate-record.ts";
import { setupFaultOf } from "./set-up-checkout.ts";
import { runTests, type TestCommand, type TestRun, testCommandOf } from "./test-runners/run-tests.ts";
import { countTests } from "./test-runners/test-report.ts";

/** Base and result after both have been run by the same judge. */
export interface JudgedTests {
  readonly baseCheckout: Checkout;
  /** With the base's judge put back. */
  readonly resultCheckout: Checkout;
  readonly testCommand: TestCommand;
  readonly base: TestRun;
  readonly result: TestRun;
  /** Null when only exit codes are known. */
  readonly comparison: TestComparison | null;
  readonly findings: StaticFindings;
  /** Test files that the agent added or changed. */
  readonly testFiles: readonly string[];
  /** Existing tests that failed once and passed when run again. */
  readonly flaky: readonly string[];
  readonly tampering: readonly Tampering[];
}

/** Checkouts opened by the gate, closed together. */
export class Checkouts {
  readonly #input: GateInput;
  readonly #record: GateRecord;
  readonly #open: Checkout[] = [];

  constructor(input: GateInput, record: GateRecord) {
    this.#input = input;
    this.#record = record;
  }

  base = (): Promise<Checkout | null> => this.#take("base", this.#input.base);
  result = (): Promise<Checkout | null> => this.#take("result", this.#input.result);
  baseWith = (paths: readonly string[]): Promise<Checkout | null> =>
    this.#take("new_tests_on_base", () => this.#input.baseWith(paths));

  /** Null when the setup failed, which is then on the record. */
  async #take(where: Where, open: () => Promise<Checkout>): Promise<Checkout | null> {
    this.#input.signal.throwIfAborted();
    try {
      const checkout = await open();
      this.#open.push(checkout);
      return checkout;
    } catch (error) {
      const fault = setupFaultOf(error);
      if (fault === null) {
        throw error;
      }
      this.#recordSetupFault(where, fault);
      return null;
    }
  }

  #recordSetupFault(where: Where, fault: NonNullable<ReturnType<typeof setupFaultOf>>): void {
    if (fault.command !== null) {
      this.#record.command({ ...fault.command, where });
    }
    if (where === "result") {
      this.#record.failed("setup", `Setting up the result failed. ${fault.reason}`);
    } else if (where === "base") {
      this.#record.undecided(
        "setup of the base",
        `Setting up the base commit itself failed, so the result can't be compared with it. ${fault.reason}`,
      );
    } else {
      this.#record.skipped("setup of the new tests on the base", fault.reason);
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#open.splice(0).map(({ sandbox }) => sandbox.close()));
  }
}

async function describeEnvironment(sandbox: Sandbox, input: GateInput, testCommand: TestCommand) {
  const node = await askSandbox(sandbox, ["node", "--version"], { signal: input.signal });
  return {
    node: node?.trim() ?? "not found",
    sandbox: sandbox.isConfined ? sandbox.driver : `${sandbox.driver} (not confined)`,
    testCommand: `${testCommand.resolved.line} (${input.plan.source})`,
    reporter: testCommand.runner.name === "command" ? "exit code" : `${testCommand.runner.name} reporter`,
  };
}

function judgeTampering(
  tampering: readonly Tampering[],
  input: GateInput,
  record: GateRecord,
): readonly Tampering[] {
  if (tampering.length === 0) {
    record.passed("test command", "The test command and its configuration are those of the base commit.");
    return [];
  }
  const what = tampering.map(({ path, change }) => `in ${path} ${change}`).join("; ");
  if (input.task.context.allowTestSetupChanges === true) {
    record.skipped("test command", `The task allows changes to the test setup: ${what}.`);
    return [];
  }
  record.failed(
    "test command",
    `What decides how the tests are run must not be changed, but ${what}. The tests were run as the base commit has it.`,
  );
  return tampering;
}

const failingIds = (run: TestRun): Set<string> =>
  new Set(run.report?.tests.filter((test) => test.status === "failed").map((test) => test.id));

/** Existing tests that turned red get a second chance: who fails only once is not the agent's fault. */
async function findFlaky(
  suspects: readonly string[],
  rerun: () => Promise<TestRun>,
): Promise<readonly string[]> {
  if (suspects.length === 0) {
    return [];
  }
  const again = await rerun();
  if (again.report === null || again.command.endedBy !== "exit") {
    return [];
  }
  const failing = failingIds(again);
  const known = new Set(again.report.tests.map((test) => test.id));
  return suspects.filter((id) => known.has(id) && !failing.has(id));
}

function withoutFlaky(comparison: TestComparison | null, flaky: readonly string[]): TestComparison | null {
  return comparison === null || flaky.length === 0
    ? comparison
    : { ...comparison, greenToRed: comparison.greenToRed.filter((id) => !flaky.includes(id)) };
}

function recordTests(record: GateRecord, judged: JudgedTests): void {
  const { base, result, comparison } = judged;
  record.tests({
    runner: judged.testCommand.runner.name,
    base: base.report === null ? null : countTests(base.report),
    result: result.report === null ? null : countTests(result.report),
    greenToRed: [...(comparison?.greenToRed ?? [])],
    added: [...(comparison?.added ?? [])],
    removed: [...(comparison?.removed ?? [])],
    newlySkipped: [...(comparison?.newlySkipped ?? [])],
  });
  if (judged.flaky.length > 0) {
    record.skipped(
      "flaky tests",
      `Failed once and passed when run again, so not counted: ${listShort(judged.flaky)}.`,
    );
  }
  if (base.command.endedBy !== "exit") {
    record.skipped("base", `At the base commit itself the test command ${describeEnd(base.command)}.`);
  }
}

/** The plan's test command as the base commit has it. */
async function baseTestCommand(base: Sandbox, input: GateInput, line: string): Promise<TestCommand> {
  const manifest = parsePackageFile((await readText(base, "package.json")) ?? "");
  return testCommandOf(input.plan, line, scriptsOf(manifest));
}

/** Runs the test command in a checkout and keeps the command as evidence. */
export async function runRecorded(
  checkout: Checkout,
  where: Where,
  testCommand: TestCommand,
  input: GateInput,
  record: GateRecord,
): Promise<TestRun> {
  const { plan, signal, onOutput } = input;
  const run = await runTests({ sandbox: checkout.sandbox, where, plan, testCommand, signal, onOutput });
  record.command(run.command);
  return run;
}

/**
 * Runs the tests of base and result with the base's own judge. Null when a checkout could not be set up; the record
 * then says why.
 */
export async function judgeTests(
  input: GateInput,
  record: GateRecord,
  checkouts: Checkouts,
  line: string,
): Promise<JudgedTests | null> {
  const resultCheckout = await checkouts.result();
  const baseCheckout = await checkouts.base();
  if (baseCheckout === null || resultCheckout === null) {
    return null;
  }
  const [base, result] = [baseCheckout.sandbox, resultCheckout.sandbox];
  const testCommand = await baseTestCommand(base, input, line);
  record.environment(await describeEnvironment(result, input, testCommand));
  const found = await findTampering({ base, result, files: input.files, testCommand });
  const tampering = judgeTampering(found, input, record);
  await restoreJudge(result, tampering, input.signal);
  const findings = await inspectTestFiles(base, result, input.files);

  const baseRun = await runRecorded(baseCheckout, "base", testCommand, input, record);
  const runResult = () => runRecorded(resultCheckout, "result", testCommand, input, record);
  const resultRun = await runResult();
  const comparison =
    baseRun.report === null || resultRun.report === null
      ? null
      : compareTests(baseRun.report, resultRun.report);
  const testFiles = changedTestFiles(input.files);
  const suspects = resultRun.command.endedBy === "exit" ? (comparison?.greenToRed ?? []) : [];
  const flaky = await findFlaky(suspects, runResult);
  const judged: JudgedTests = {
    baseCheckout,
    resultCheckout,
    testCommand,
    base: baseRun,
    result: resultRun,
    comparison: withoutFlaky(comparison, flaky),
    findings,
    testFiles,
    flaky,
    tampering,
  };
  recordTests(record, judged);
  return judged;
}
