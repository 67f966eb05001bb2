import type { EvidenceCommand } from "@agentvine/contracts";
import type { Sandbox } from "../../sandbox/sandbox.ts";
import type { Checkout, GateInput } from "../../specialized/recipe.ts";
import { askSandbox, describeEnd, runGateCommand, type Where } from "../gate-command.ts";
import { privateDirectory, type TestCommand } from "../test-runners/run-tests.ts";
import { type FileCoverage, parseLcov } from "./lcov.ts";

export interface CoverageRun {
  /** Null when nothing was run. */
  readonly command: EvidenceCommand | null;
  /** Null when it could not be measured. */
  readonly files: readonly FileCoverage[] | null;
  /** Why it could not be measured; empty otherwise. */
  readonly reason: string;
}

const lcovBytesMax = 16 * 1024 * 1024;

const missingTools: readonly [RegExp, string][] = [
  [
    /@vitest\/coverage-\w+/,
    "Vitest's coverage package (@vitest/coverage-v8) is not installed in the project",
  ],
  [/unrecognized arguments: --cov/, "pytest-cov is not installed"],
  [/bad option: --experimental-test-coverage/, "this version of Node can't measure coverage"],
];

function whyMissing(command: EvidenceCommand): string {
  const tool = missingTools.find(([pattern]) => pattern.test(command.outputTail));
  return tool?.[1] ?? `the coverage command ${describeEnd(command)} and left no lcov report`;
}

/** The newest lcov file that a command of the project left in the workspace. */
async function findLcov(sandbox: Sandbox, marker: string, signal: AbortSignal): Promise<string | null> {
  const list = await askSandbox(
    sandbox,
    [
      "sh",
      "-c",
      'find . -name node_modules -prune -o -name .git -prune -o \\( -name lcov.info -o -name "*.lcov" \\) -newer "$1" -print',
      "sh",
      marker,
    ],
    { signal },
  );
  const paths = (list ?? "")
    .split("\n")
    .filter((path) => path !== "")
    .toSorted((a, b) => a.length - b.length);
  return paths[0] ?? null;
}

interface CoveragePlan {
  readonly line: string;
  readonly env: Readonly<Record<string, string>>;
  readonly lcovFile: string | null;
}

function planCoverage(input: GateInput, testCommand: TestCommand, directory: string): CoveragePlan | null {
  const { coverageCommand, environment } = input.plan;
  if (coverageCommand !== null) {
    return { line: coverageCommand, env: {}, lcovFile: null };
  }
  return testCommand.runner.instrumentCoverage({ command: testCommand.resolved, directory, environment });
}

/** Runs the tests of a checkout with line coverage: the plan's coverage command, else what the runner offers. */
export async function measureCoverage(
  checkout: Checkout,
  where: Where,
  testCommand: TestCommand,
  input: GateInput,
): Promise<CoverageRun> {
  const { sandbox } = checkout;
  const { plan, signal, onOutput } = input;
  const directory = await privateDirectory(sandbox, signal);
  const coverage = directory === null ? null : planCoverage(input, testCommand, directory.path);
  if (directory === null || coverage === null) {
    return {
      command: null,
      files: null,
      reason: "this test command can't measure coverage: name a `coverageCommand` that writes lcov",
    };
  }
  const marker = `${directory.path}/started`;
  await askSandbox(sandbox, ["touch", "-d", "2 seconds ago", marker], { signal });
  const { command } = await runGateCommand({
    sandbox,
    where,
    line: coverage.line,
    env: { ...plan.environment, ...coverage.env },
    secrets: plan.secrets,
    timeoutMs: plan.commandTimeoutMs,
    signal,
    onOutput,
  });
  const path = coverage.lcovFile ?? (await findLcov(sandbox, marker, signal));
  const text =
    path === null ? null : await askSandbox(sandbox, ["cat", path], { signal, bytesMax: lcovBytesMax });
  if (text === null || text.trim() === "") {
    return { command, files: null, reason: whyMissing(command) };
  }
  return { command, files: parseLcov(text, directory.workspaceRoots), reason: "" };
}
