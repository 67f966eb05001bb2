import { callTool, finish, type Reply, type Step, script } from "../script.ts";
import { greenTests, runTests } from "./sample-steps.ts";

const oldImport = `import { parseDuration } from "../src/duration.js";`;
const newImport = `import { formatDuration, parseDuration } from "../src/duration.js";`;

const oldTest = `test("a bare number is minutes", () => {
  assert.equal(parseDuration("5"), 300);
});`;

const newTests = `${oldTest}

test("hours, minutes and seconds are added up", () => {
  assert.equal(parseDuration("1h 20m"), 4800);
  assert.equal(parseDuration("90s"), 90);
  assert.equal(parseDuration(" 1H20M5S "), 4805);
});

test("an empty duration is refused", () => {
  assert.throws(() => parseDuration("  "), /the duration is empty/);
});

test("what is no duration is refused", () => {
  assert.throws(() => parseDuration("soon"), /not a duration: soon/);
  assert.throws(() => parseDuration("5x"), RangeError);
});

test("a unit given twice is refused", () => {
  assert.throws(() => parseDuration("1m 2m"), /m is given twice/);
});

test("seconds are written the shortest way", () => {
  assert.equal(formatDuration(4800), "1h 20m");
  assert.equal(formatDuration(45), "45s");
  assert.equal(formatDuration(0), "0s");
});

test("only whole seconds from 0 on can be written", () => {
  assert.throws(() => formatDuration(-1), RangeError);
  assert.throws(() => formatDuration(1.5), RangeError);
});

test("what is written can be read again", () => {
  for (const seconds of [1, 59, 60, 3599, 3600, 86399]) {
    assert.equal(parseDuration(formatDuration(seconds)), seconds);
  }
});`;

const coverageCommand = "node --test --experimental-test-coverage";

const measure = (): Reply =>
  callTool("All tests pass. I want to see whether a line is still not covered.", "run_command", {
    command: coverageCommand,
  });

/** Whoever does not allow it keeps nothing from being done. */
const end: Step = (view) => {
  const measured = view.results.find(({ call }) => call.input.command === coverageCommand);
  const isMeasured = measured?.text.includes("coverage report") ?? false;
  return finish(
    `Every branch of src/duration.js has a test now; the module is unchanged and all tests pass.${isMeasured ? " The coverage report shows no line of it that is not run." : ""}`,
  );
};

/**
 * Sample tea-timer: reads the module and its tests, adds tests for what is not covered, runs them, and asks to measure the coverage.
 * The second phase is the end after an answer that took long.
 */
export const testScenario = script({
  name: "test",
  marker: "Cover the duration parser with tests",
  phases: [
    [
      () => ({
        text: "I read the module and its tests.",
        calls: [
          { name: "report_plan", input: { steps: ["read the module", "test each branch", "run the tests"] } },
          { name: "read_file", input: { path: "src/duration.js" } },
          { name: "read_file", input: { path: "test/duration.test.js" } },
        ],
      }),
      (view) => {
        view.output("src/duration.js", "is given twice", "export function formatDuration");
        view.output("test/duration.test.js", "a bare number is minutes");
        return callTool("Only minutes are tested. I add a test for each other branch.", "edit_file", {
          path: "test/duration.test.js",
          oldText: oldTest,
          newText: newTests,
        });
      },
      (view) => {
        view.output("test/duration.test.js");
        return callTool("The new tests need formatDuration.", "edit_file", {
          path: "test/duration.test.js",
          oldText: oldImport,
          newText: newImport,
        });
      },
      (view) => {
        view.output("test/duration.test.js");
        return runTests("I run the tests.");
      },
      (view) => {
        greenTests(view);
        return measure();
      },
      end,
    ],
    [measure, end],
  ],
});
