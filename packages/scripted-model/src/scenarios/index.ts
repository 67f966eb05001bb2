import type { Scenario } from "../script.ts";
import { bugfixScenario } from "./bugfix.scenario.ts";
import { docsScenario } from "./docs.scenario.ts";
import { featureScenario } from "./feature.scenario.ts";
import { testScenario } from "./test.scenario.ts";

/** One scenario per sample. */
export const sampleScenarios: readonly Scenario[] = [
  bugfixScenario,
  featureScenario,
  testScenario,
  docsScenario,
];
