import { docsGate } from "../gate/docs-gate.ts";
import { instruction, systemPrompt } from "./prompt.ts";
import type { Recipe } from "./recipe.ts";

const role = `This task: documentation. It is accepted when you changed nothing but documentation, and every link, path and command in it exists: relative links and headings, paths in code spans, package scripts, make targets and files in shell blocks are checked. If the repository has no README, write one: a title, what the project is, how to install, use and test it. Describe what the code does now; check it by reading and running, never guess.`;

export const docsRecipe: Recipe = {
  taskType: "docs",
  commitType: "docs",
  instruct: (input) => ({
    system: systemPrompt(role),
    instruction: instruction(input, "documentation", [
      "Read the code, package scripts and existing documents that the text is about. Report your plan with `report_plan`.",
      "Write for a reader who is new here: short sentences, examples that were tried.",
      "Try every command you name, and check every path and link.",
    ]),
  }),
  gate: docsGate,
};
