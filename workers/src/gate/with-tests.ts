import type { Evidence } from "@agentvine/contracts";
import type { GateInput } from "../specialized/recipe.ts";
import { checkHandIn } from "./checks/check-hand-in.ts";
import { GateRecord } from "./gate-record.ts";
import { Checkouts, type JudgedTests, judgeTests } from "./judge-tests.ts";

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
    return record.evidence(await judge({ judged, record, checkouts }));
  } finally {
    await checkouts.close();
  }
}

const noCommand =
  "No test command is known: name one as `testCommand` in .agentvine.yml or in the repository's settings. A person must judge this result.";
