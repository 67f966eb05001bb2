import { quoteWord } from "./command-line.ts";
import { parseJunitReport } from "./junit-report.ts";
import type { InstrumentInput, TestRunner } from "./test-runner.ts";

const pytest = /(?:^|[\s;&|/])(?:pytest|py\.test)(?=\s|$)|-m\s+pytest(?=\s|$)/;

/** pytest takes options from PYTEST_ADDOPTS too, so the command may be anything that ends in pytest (tox, make, uv). */
const addOptions = ({ environment }: InstrumentInput, options: readonly string[]) => ({
  PYTEST_ADDOPTS: [environment.PYTEST_ADDOPTS ?? "", ...options.map(quoteWord)].join(" ").trim(),
});

export const pytestRunner: TestRunner = {
  name: "pytest",
  isStartedBy: (text) => pytest.test(text),
  instrument: (input) => ({
    line: input.command.line,
    env: addOptions(input, [
      `--junitxml=${input.directory}/pytest.xml`,
      "-o",
      "junit_family=xunit1",
      "--continue-on-collection-errors",
    ]),
    files: {},
    reportFile: "pytest.xml",
    parse: parseJunitReport,
  }),
  instrumentCoverage: (input) => ({
    line: input.command.line,
    env: addOptions(input, ["--cov=.", `--cov-report=lcov:${input.directory}/lcov.info`]),
    lcovFile: `${input.directory}/lcov.info`,
  }),
  noTests: /no tests ran|collected 0 items/i,
  configFiles: /(?:^|\/)(?:pytest\.ini|\.pytest\.ini|tox\.ini)$/,
  packageKeys: [],
  packages: /^$/,
};
