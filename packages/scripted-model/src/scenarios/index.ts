import type { Scenario } from "../script.ts";
import { bugfixScenario } from "./bugfix.scenario.ts";
import { controllerScenario } from "./controller.scenario.ts";
import { docsScenario } from "./docs.scenario.ts";
import { featureScenario } from "./feature.scenario.ts";
import { testScenario } from "./test.scenario.ts";

export { controllerScenario };

/** One scenario per sample, by the name of its task's type. */
export const sampleScenarios: readonly Scenario[] = [
  bugfixScenario,
  featureScenario,
  testScenario,
  docsScenario,
];

/** Everything the demo's model is asked: by agents, and by the controller on their behalf. */
export const demoScenarios: readonly Scenario[] = [controllerScenario, ...sampleScenarios];
