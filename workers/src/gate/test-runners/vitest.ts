import { parseJsonReport } from "./json-report.ts";
import type { TestRunner } from "./test-runner.ts";

const vitest = /(?:^|[\s;&|/])vitest(?=\s|$)/;

/** Vitest: arguments are added behind the command, which must be the last one of its line. */
export const vitestRunner: TestRunner = {
  name: "vitest",
  isStartedBy: (text) => vitest.test(text),
  instrument: ({ command, directory }) => ({
    line: command.withArguments([
      "--reporter=default",
      "--reporter=json",
      `--outputFile.json=${directory}/vitest.json`,
    ]),
    env: {},
    files: {},
    reportFile: "vitest.json",
    parse: parseJsonReport,
  }),
  instrumentCoverage: ({ command, directory }) => ({
    line: command.withArguments([
      "--coverage.enabled",
      "--coverage.reporter=lcovonly",
      "--coverage.reportOnFailure",
      `--coverage.reportsDirectory=${directory}/coverage`,
    ]),
    env: {},
    lcovFile: `${directory}/coverage/lcov.info`,
  }),
  noTests: /No test files found/i,
  configFiles: /(?:^|\/)(?:vitest|vite)\.(?:config|workspace)\.[cm]?[jt]s$|(?:^|\/)vitest\.workspace\.json$/,
  packageKeys: ["vitest"],
  packages: /^vitest$|^@vitest\//,
};
