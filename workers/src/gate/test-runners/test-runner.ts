import type { TestPlan } from "../../specialized/recipe.ts";
import type { ResolvedCommand } from "./command-line.ts";
import type { TestReport } from "./test-report.ts";

export type RunnerName = TestPlan["runner"];

/** A test command made to report every single test, without touching the project. */
export interface Instrumentation {
  readonly line: string;
  readonly env: Readonly<Record<string, string>>;
  /** Files to lay into the private directory first, by name. */
  readonly files: Readonly<Record<string, string>>;
  /** Name of the report in the private directory; null when the report is what the command prints. */
  readonly reportFile: string | null;
  /** Null when the text is no report. */
  readonly parse: (text: string, roots: readonly string[]) => TestReport | null;
}

/** The same for coverage: the command leaves an lcov file. */
export interface CoverageInstrumentation {
  readonly line: string;
  readonly env: Readonly<Record<string, string>>;
  readonly lcovFile: string;
}

export interface InstrumentInput {
  readonly command: ResolvedCommand;
  /** Private directory inside the sandbox, absolute. */
  readonly directory: string;
  /** The plan's environment, to add to what is set there. */
  readonly environment: Readonly<Record<string, string>>;
}

/** One kind of test runner: how to know it, to hear from it, and to have it measure coverage. */
export interface TestRunner {
  readonly name: RunnerName;
  /** Does this simple command or script start the runner? */
  readonly isStartedBy: (text: string) => boolean;
  /** Null when the command leaves no way to hear of single tests. */
  readonly instrument: (input: InstrumentInput) => Instrumentation | null;
  /** Null when coverage can't be had this way. */
  readonly instrumentCoverage: (input: InstrumentInput) => CoverageInstrumentation | null;
  /** What the runner prints when it found no test at all. */
  readonly noTests: RegExp;
  /** Configuration files of the runner: they belong to the judge. */
  readonly configFiles: RegExp;
  /** Keys of package.json that configure it. */
  readonly packageKeys: readonly string[];
  /** Packages that are the runner. */
  readonly packages: RegExp;
}
