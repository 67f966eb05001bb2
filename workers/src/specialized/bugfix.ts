import { bugfixGate } from "../gate/bugfix-gate.ts";
import { instruction, systemPrompt } from "./prompt.ts";
import type { Recipe } from "./recipe.ts";

const role = `This task: a bug fix. It is accepted when a test that fails on the old code passes on yours, and nothing else turned red. That test may exist already; if none does, write one. It is run on the old code too, so it must load there: test the behaviour, not a function you have just added. Mend the cause, not the symptom, and never bend a test to the bug.

End your summary with an analysis in exactly this form:
Error: what goes wrong, as seen from outside
Suspected cause: why
Files: the files concerned, separated by commas`;

export const bugfixRecipe: Recipe = {
  taskType: "bugfix",
  commitType: "fix",
  instruct: (input) => ({
    system: systemPrompt(role),
    instruction: instruction(input, "bug fix", [
      "Reproduce the bug: run the test command, and if nothing fails because of it, write a test that does.",
      "Find the cause and report your plan with `report_plan`: the error, the suspected cause, the files.",
      "Fix it and run the test command until it passes.",
    ]),
  }),
  gate: bugfixGate,
};
