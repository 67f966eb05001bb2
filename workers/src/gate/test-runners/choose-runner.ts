import type { TestPlan } from "../../specialized/recipe.ts";
import type { ResolvedCommand } from "./command-line.ts";
import { jestRunner } from "./jest.ts";
import { nodeTestRunner } from "./node-test.ts";
import { plainCommandRunner } from "./plain-command.ts";
import { pytestRunner } from "./pytest.ts";
import type { TestRunner } from "./test-runner.ts";
import { vitestRunner } from "./vitest.ts";

const known: readonly TestRunner[] = [nodeTestRunner, vitestRunner, jestRunner, pytestRunner];

/** Runners that are heard through the environment work wherever in the line they stand. */
const needsLastPlace = new Set<TestRunner>([vitestRunner, jestRunner]);

/**
 * The runner that a command really starts. What the command and its scripts say goes before what the plan assumes:
 * a plan may say `npm` for a script that starts Vitest.
 */
export function chooseRunner(command: ResolvedCommand, planned: TestPlan["runner"]): TestRunner {
  for (const runner of known) {
    const isStarted = needsLastPlace.has(runner)
      ? runner.isStartedBy(command.last)
      : command.texts.some((text) => runner.isStartedBy(text));
    if (isStarted) {
      return runner;
    }
  }
  const assumed = known.find((runner) => runner.name === planned);
  return assumed === undefined || needsLastPlace.has(assumed) ? plainCommandRunner : assumed;
}
