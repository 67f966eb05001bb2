import { describe, expect, it } from "vitest";
import { resolveCommand } from "./command-line.ts";
import { jestRunner } from "./jest.ts";
import { nodeTestRunner } from "./node-test.ts";
import { plainCommandRunner } from "./plain-command.ts";
import { pytestRunner } from "./pytest.ts";
import { vitestRunner } from "./vitest.ts";

const input = (
  line: string,
  environment: Record<string, string> = {},
  scripts: Record<string, string> = {},
) => ({
  command: resolveCommand(line, scripts),
  directory: "/tmp/gate 1",
  environment,
});

describe("how runners are made to report", () => {
  it("node:test takes as many destinations as reporters, whoever names them", () => {
    const own = '--test-reporter="/tmp/gate 1/agentvine-reporter.mjs" --test-reporter-destination=stderr';
    const options = (line: string, environment = {}) =>
      nodeTestRunner.instrument(input(line, environment))?.env.NODE_OPTIONS;
    expect(options("node --test")).toBe(`${own} --test-reporter=spec --test-reporter-destination=stdout`);
    expect(options("node --test --test-reporter=dot")).toBe(`${own} --test-reporter-destination=stdout`);
    expect(options("node --test --test-reporter dot --test-reporter-destination=out")).toBe(own);
    expect(options("node --test", { NODE_OPTIONS: "--max-old-space-size=512" })).toBe(
      `--max-old-space-size=512 ${own} --test-reporter=spec --test-reporter-destination=stdout`,
    );
  });

  it("node:test measures coverage with the innermost script, without its own reporters", () => {
    const scripts = {
      test: "npm run unit",
      unit: "tsc && node --import tsx --test-reporter=dot --test test/*.js",
    };
    expect(nodeTestRunner.instrumentCoverage(input("npm test", {}, scripts))?.line).toBe(
      "node --experimental-test-coverage --test-reporter=lcov --test-reporter-destination='/tmp/gate 1/lcov.info' --test-reporter=spec --test-reporter-destination=stdout --import tsx --test test/*.js",
    );
    expect(nodeTestRunner.instrumentCoverage(input("make test"))).toBeNull();
  });

  it("Jest gets its arguments through npm", () => {
    const scripts = { test: "jest --ci" };
    expect(jestRunner.instrument(input("npm test", {}, scripts))?.line).toBe(
      "npm test -- --json '--outputFile=/tmp/gate 1/jest.json'",
    );
    expect(jestRunner.instrumentCoverage(input("npm test", {}, scripts))).toMatchObject({
      line: "npm test -- --coverage --coverageReporters=lcovonly '--coverageDirectory=/tmp/gate 1/coverage'",
      lcovFile: "/tmp/gate 1/coverage/lcov.info",
    });
  });

  it("Vitest keeps its output for people", () => {
    expect(vitestRunner.instrument(input("vitest run"))?.line).toBe(
      "vitest run --reporter=default --reporter=json '--outputFile.json=/tmp/gate 1/vitest.json'",
    );
  });

  it("pytest takes options from the environment, behind the plan's", () => {
    expect(pytestRunner.instrument(input("tox", { PYTEST_ADDOPTS: "-x" }))?.env).toEqual({
      PYTEST_ADDOPTS:
        "-x '--junitxml=/tmp/gate 1/pytest.xml' -o junit_family=xunit1 --continue-on-collection-errors",
    });
    expect(pytestRunner.instrumentCoverage(input("pytest"))?.env).toEqual({
      PYTEST_ADDOPTS: "--cov=. '--cov-report=lcov:/tmp/gate 1/lcov.info'",
    });
  });

  it("a plain command is run as it is", () => {
    expect(plainCommandRunner.instrument(input("make test"))).toMatchObject({
      line: "make test",
      env: {},
      reportFile: null,
    });
    expect(plainCommandRunner.instrumentCoverage(input("make test"))).toBeNull();
    expect(plainCommandRunner.isStartedBy("anything")).toBe(true);
  });
});
