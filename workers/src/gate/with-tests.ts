import type { Evidence } from "@agentvine/contracts";
import type { GateInput } from "../specialized/recipe.ts";
import { checkHandIn } from "./checks/check-hand-in.ts";
import { describeEnd } from "./gate-command.ts";
import { GateRecord } from "./gate-record.ts";
import { Checkouts, type JudgedTests, judgeTests } from "./judge-tests.ts";
import type { TestRun } from "./test-runners/run-tests.ts";

export interface TestsContext {
  readonly judged: JudgedTests;
  readonly record: GateRecord;
  readonly checkouts: Checkouts;
}

/** npm's placeholder says that there is no test; running it would tell nothing. */
const placeholder = /no test specified/i;

/**
 * The frame of every gate that runs tests: first what was handed in, then both commits under the base's judge, then
 * what the recipe asks. `judge` returns the sentence for success.
 */
export async function withTests(
  input: GateInput,
  judge: (context: TestsContext) => Promise<string>,
): Promise<Evidence> {
  const record = new GateRecord(input);
  if (!checkHandIn(input, record)) {
    return record.evidence("");
  }
  const line = input.plan.testCommand;
  if (line === null) {
    record.undecided("tests", noCommand);
    return record.evidence("");
  }
  const checkouts = new Checkouts(input, record);
  try {
    const judged = await judgeTests(input, record, checkouts, line);
    if (judged === null) {
      return record.evidence("");
    }
    if (judged.testCommand.resolved.texts.some((text) => placeholder.test(text))) {
      record.undecided("tests", "The project's test script is npm's placeholder: no test command is known.");
      return record.evidence("");
    }
    if (isNotRunnable(judged.base) && isNotRunnable(judged.result)) {
      const reason = `The test command can't be run here, at the base commit neither (${describeEnd(judged.base.command)}): ${line}`;
      record.undecided("tests", reason);
      return record.evidence("");
    }
    return record.evidence(await judge({ judged, record, checkouts }));
  } finally {
    await checkouts.close();
  }
}

/** What a shell answers for a program that is not there or can't be started. */
const isNotRunnable = ({ command, report }: TestRun): boolean =>
  report === null && (command.exitCode === 126 || command.exitCode === 127);

const noCommand =
  "No test command is known: name one as `testCommand` in .agentvine.yml or in the repository's settings. A person must judge this result.";
