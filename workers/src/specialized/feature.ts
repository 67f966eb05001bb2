import { featureGate } from "../gate/feature-gate.ts";
import { instruction, systemPrompt } from "./prompt.ts";
import type { Recipe } from "./recipe.ts";

const role = `This task: a feature. It is accepted when the test command passes, you added or changed tests that show the new behaviour, and nothing that passed before fails.`;

export const featureRecipe: Recipe = {
  taskType: "feature",
  commitType: "feat",
  instruct: (input) => ({
    system: systemPrompt(role),
    instruction: instruction(input, "feature", [
      "Find where the feature belongs and how the tests are organised. Report your plan with `report_plan`.",
      "Build it, with tests for the ordinary case, the limits and the errors.",
      "Run the test command until it passes.",
    ]),
  }),
  gate: featureGate,
};
