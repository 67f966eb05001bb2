import { namedFiles, testGate } from "../gate/test-gate.ts";
import { instruction, systemPrompt } from "./prompt.ts";
import type { Recipe } from "./recipe.ts";

const role = `This task: more tests. It is accepted when you changed nothing but tests, all of them pass, and line coverage rose. Test what the code promises, including limits and errors; a test without an assertion is worth nothing. If a test shows a bug, do not mend the code and do not leave a failing test: describe the bug in your summary.`;

const target = (names: readonly string[] | null): string =>
  names === null
    ? "Find the code that is tested least. Report your plan with `report_plan`."
    : `Read the code whose coverage must rise (${names.map((name) => `\`${name}\``).join(", ")}) and its tests. Report your plan with \`report_plan\`.`;

export const testRecipe: Recipe = {
  taskType: "test",
  commitType: "test",
  instruct: (input) => ({
    system: systemPrompt(role),
    instruction: instruction(input, "tests", [
      target(namedFiles(input.task.context)),
      "Write the tests where the project keeps its tests, in its style.",
      "Run the test command until it passes.",
    ]),
  }),
  gate: testGate,
};
