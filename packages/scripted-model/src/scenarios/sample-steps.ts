import { callTool, type Reply, type StepView } from "../script.ts";

const testCommand = "npm test";

/** Runs the sample's tests. */
export const runTests = (text: string): Reply => callTool(text, "run_command", { command: testCommand });

/** The output of the tests just run, which must be green; broken otherwise. */
export const greenTests = (view: StepView): string =>
  view.output(testCommand, /exit code 0\b/, /(#|ℹ) fail 0\b/);

/** The output of the tests just run, in which `count` are red; broken otherwise. */
export const redTests = (view: StepView, count: number, ...expected: string[]): string =>
  view.output(testCommand, new RegExp(`(#|ℹ) fail ${count}\\b`), ...expected);
