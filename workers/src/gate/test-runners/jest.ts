import { parseJsonReport } from "./json-report.ts";
import type { TestRunner } from "./test-runner.ts";

const jest = /(?:^|[\s;&|/])(?:jest|jest\.js|react-scripts\s+test)(?=\s|$)/;

/** Jest: with --outputFile its report goes to the file and people's output stays. */
export const jestRunner: TestRunner = {
  name: "jest",
  isStartedBy: (text) => jest.test(text),
  instrument: ({ command, directory }) => ({
    line: command.withArguments(["--json", `--outputFile=${directory}/jest.json`]),
    env: {},
    files: {},
    reportFile: "jest.json",
    parse: parseJsonReport,
  }),
  instrumentCoverage: ({ command, directory }) => ({
    line: command.withArguments([
      "--coverage",
      "--coverageReporters=lcovonly",
      `--coverageDirectory=${directory}/coverage`,
    ]),
    env: {},
    lcovFile: `${directory}/coverage/lcov.info`,
  }),
  noTests: /No tests found/i,
  configFiles: /(?:^|\/)jest\.config\.(?:[cm]?[jt]s|json)$/,
  packageKeys: ["jest"],
  packages: /^(?:jest|@jest\/.+|ts-jest|babel-jest|jest-environment-.+)$/,
};
