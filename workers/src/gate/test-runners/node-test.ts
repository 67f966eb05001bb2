import { quoteWord, splitCommandLine } from "./command-line.ts";
import { nodeReporterSource, parseNodeEvents } from "./node-report.ts";
import type { InstrumentInput, TestRunner } from "./test-runner.ts";

const reporterFile = "agentvine-reporter.mjs";
const nodeTest = /(?:^|[\s;&|/])(node|tsx)\s(?:[^;&|]*\s)?--test(?=\s|$|-)/;

/** Quotes a path for NODE_OPTIONS, which knows double quotes and backslashes. */
const nodeOptionPath = (path: string): string => `"${path.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;

const countOf = (text: string, option: RegExp): number => text.match(option)?.length ?? 0;

/**
 * Reporters named in NODE_OPTIONS come before those of the command line, and Node wants as many destinations as
 * reporters: one that the command names without a destination gets stdout here.
 */
function reporterOptions({ command, directory, environment }: InstrumentInput): string {
  const text = [...command.texts, environment.NODE_OPTIONS ?? ""].join(" ");
  const reporters = countOf(text, /--test-reporter[= ]/g);
  const destinations = countOf(text, /--test-reporter-destination[= ]/g);
  const own = `--test-reporter=${nodeOptionPath(`${directory}/${reporterFile}`)} --test-reporter-destination=stderr`;
  if (reporters === 0) {
    return `${own} --test-reporter=spec --test-reporter-destination=stdout`;
  }
  return `${own}${" --test-reporter-destination=stdout".repeat(Math.max(0, reporters - destinations))}`;
}

/** Node refuses --experimental-test-coverage in NODE_OPTIONS, so the innermost script is run directly, with it. */
function coverageLine({ command, directory }: InstrumentInput): string | null {
  const script = command.texts.findLast((text) => nodeTest.test(text));
  const segment = splitCommandLine(script ?? "").find(({ text }) => nodeTest.test(text));
  if (segment === undefined) {
    return null;
  }
  const plain = segment.text.replace(/\s--test-reporter(?:-destination)?[= ]\S+/g, "");
  const lcov = quoteWord(`${directory}/lcov.info`);
  const options = `--experimental-test-coverage --test-reporter=lcov --test-reporter-destination=${lcov} --test-reporter=spec --test-reporter-destination=stdout`;
  return plain.replace(
    /(^|[\s/])(node|tsx)\s/,
    (_all, before: string, name: string) => `${before}${name} ${options} `,
  );
}

/** node:test, started as `node --test`, directly or by a package script. */
export const nodeTestRunner: TestRunner = {
  name: "node:test",
  isStartedBy: (text) => nodeTest.test(text),
  instrument: (input) => ({
    line: input.command.line,
    env: {
      NODE_OPTIONS: [input.environment.NODE_OPTIONS ?? "", reporterOptions(input)].join(" ").trim(),
    },
    files: { [reporterFile]: nodeReporterSource },
    reportFile: "node-events.ndjson",
    parse: parseNodeEvents,
  }),
  instrumentCoverage: (input) => {
    const line = coverageLine(input);
    return line === null ? null : { line, env: {}, lcovFile: `${input.directory}/lcov.info` };
  },
  noTests: /^(?:ℹ|#) tests 0$|Could not find /m,
  configFiles: /(?:^|\/)node\.config\.json$/,
  packageKeys: [],
  packages: /^$/,
};
