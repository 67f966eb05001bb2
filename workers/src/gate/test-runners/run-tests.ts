import type { EvidenceCommand } from "@agentvine/contracts";
import type { Sandbox } from "../../sandbox/sandbox.ts";
import type { TestPlan } from "../../specialized/recipe.ts";
import { askSandbox, runGateCommand, type Where } from "../gate-command.ts";
import { chooseRunner } from "./choose-runner.ts";
import { type ResolvedCommand, resolveCommand } from "./command-line.ts";
import type { TestReport } from "./test-report.ts";
import type { Instrumentation, TestRunner } from "./test-runner.ts";

/** The test command with all that is known about it from the base commit. */
export interface TestCommand {
  readonly resolved: ResolvedCommand;
  readonly runner: TestRunner;
}

export interface TestRun {
  readonly command: EvidenceCommand;
  /** Null when only the exit code is known. */
  readonly report: TestReport | null;
  /** True when the runner says that there is no test at all. */
  readonly hasNoTests: boolean;
}

export interface RunTestsOptions {
  readonly sandbox: Sandbox;
  readonly where: Where;
  readonly plan: TestPlan;
  readonly testCommand: TestCommand;
  readonly signal: AbortSignal;
  readonly onOutput: (text: string) => void;
}

const reportBytesMax = 32 * 1024 * 1024;

/** Resolves the plan's test command against the package scripts of the base commit. */
export function testCommandOf(
  plan: TestPlan,
  line: string,
  scripts: Readonly<Record<string, string>>,
): TestCommand {
  const resolved = resolveCommand(line, scripts);
  return { resolved, runner: chooseRunner(resolved, plan.runner) };
}

/** A place of the gate's own inside the sandbox, outside the workspace. */
export interface PrivateDirectory {
  readonly path: string;
  /** The names under which the workspace is known inside. */
  readonly workspaceRoots: readonly string[];
}

/** Makes a private directory; null when the sandbox gives none. */
export async function privateDirectory(
  sandbox: Sandbox,
  signal: AbortSignal,
): Promise<PrivateDirectory | null> {
  const script = `pwd -P && cd "$(mktemp -d "\${TMPDIR:-/tmp}/agentvine-gate.XXXXXX")" && pwd -P`;
  const [root, path] = ((await askSandbox(sandbox, ["sh", "-c", script], { signal })) ?? "").split("\n");
  return root === undefined || path === undefined || path === ""
    ? null
    : { path, workspaceRoots: [sandbox.workspacePath, root] };
}

/** Signs that the runner did not take the reporter, rather than that tests failed. */
const reporterRefused =
  /--test-reporter|is not allowed in NODE_OPTIONS|[Uu]nknown (?:option|argument)|[Uu]nrecognized (?:arguments|option|CLI)|CACError|unknown flag/;

/** Failures name files by where the checkout happens to lie; people want the path in the repository. */
function withoutRoots(report: TestReport | null, roots: readonly string[]): TestReport | null {
  const plain = (text: string) =>
    roots
      .filter((root) => root !== "")
      .reduce((shorter, root) => shorter.replaceAll(`file://${root}/`, "").replaceAll(`${root}/`, ""), text);
  return report === null
    ? null
    : { tests: report.tests.map((test) => ({ ...test, message: plain(test.message) })) };
}

async function readReport(
  options: RunTestsOptions,
  instrumentation: Instrumentation,
  directory: PrivateDirectory,
  stdout: string,
): Promise<TestReport | null> {
  const { sandbox, signal } = options;
  const { path, workspaceRoots } = directory;
  const { reportFile, parse } = instrumentation;
  const text =
    reportFile === null
      ? stdout
      : await askSandbox(sandbox, ["cat", `${path}/${reportFile}`], { signal, bytesMax: reportBytesMax });
  return text === null ? null : withoutRoots(parse(text, workspaceRoots), workspaceRoots);
}

async function runInstrumented(
  options: RunTestsOptions,
  instrumentation: Instrumentation,
  directory: PrivateDirectory,
) {
  const { sandbox, where, plan, signal, onOutput } = options;
  for (const [name, content] of Object.entries(instrumentation.files)) {
    await askSandbox(sandbox, ["sh", "-c", 'cat > "$1"', "sh", `${directory.path}/${name}`], {
      signal,
      stdin: content,
    });
  }
  const { command, stdout } = await runGateCommand({
    sandbox,
    where,
    line: instrumentation.line,
    env: { ...plan.environment, ...instrumentation.env },
    secrets: plan.secrets,
    timeoutMs: plan.commandTimeoutMs,
    signal,
    onOutput,
  });
  return { command, report: await readReport(options, instrumentation, directory, stdout) };
}

async function runPlainly(options: RunTestsOptions) {
  const { sandbox, where, plan, testCommand, signal, onOutput } = options;
  const { command } = await runGateCommand({
    sandbox,
    where,
    line: testCommand.resolved.line,
    env: plan.environment,
    secrets: plan.secrets,
    timeoutMs: plan.commandTimeoutMs,
    signal,
    onOutput,
  });
  return { command, report: null };
}

/**
 * Runs the test command and learns how every single test came out where the runner can tell. A command that does not
 * take the reporter is run again as it is: then only its exit code counts.
 */
export async function runTests(options: RunTestsOptions): Promise<TestRun> {
  const { sandbox, plan, testCommand, signal } = options;
  const directory = await privateDirectory(sandbox, signal);
  const instrumentation =
    directory === null
      ? null
      : testCommand.runner.instrument({
          command: testCommand.resolved,
          directory: directory.path,
          environment: plan.environment,
        });
  let run =
    directory === null || instrumentation === null
      ? await runPlainly(options)
      : await runInstrumented(options, instrumentation, directory);
  const { endedBy, exitCode, outputTail } = run.command;
  const isRefused = endedBy === "exit" && exitCode !== 0 && reporterRefused.test(outputTail);
  if (instrumentation !== null && run.report === null && isRefused) {
    run = await runPlainly(options);
  }
  const hasNoTests =
    (run.report?.tests.length ?? 0) === 0 && testCommand.runner.noTests.test(run.command.outputTail);
  return { ...run, report: hasNoTests ? { tests: [] } : run.report, hasNoTests };
}
