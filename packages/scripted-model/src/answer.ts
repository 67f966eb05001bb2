import type { Conversation } from "./conversation.ts";
import { type Reply, type Scenario, ScenarioBroken } from "./script.ts";

/** The name every response carries, so that nobody takes it for a real model's. */
export const modelName = "scripted/demo";

/** Every text starts with this. */
export const textPrefix = "[scripted] ";

/** The reply of the first scenario that knows the prompt, labelled as scripted. A broken scenario refuses and says why. */
export function answer(scenarios: readonly Scenario[], conversation: Conversation): Reply {
  const prompt = [conversation.system, ...conversation.phases.map((phase) => phase.instruction)].join("\n");
  const scenario = scenarios.find((candidate) => candidate.matches(prompt));
  if (scenario === undefined) {
    return broken("no scenario knows this task; the scripted model can only do the samples");
  }
  try {
    return labelled(scenario.respond(conversation));
  } catch (error) {
    if (error instanceof ScenarioBroken) return broken(`${scenario.name}: ${error.message}`);
    throw error;
  }
}

const labelled = (reply: Reply): Reply =>
  reply.text === undefined || reply.text === "" ? reply : { ...reply, text: `${textPrefix}${reply.text}` };

const broken = (why: string): Reply => ({
  text: `${textPrefix}scenario broken: ${why}`,
  stop: "refusal",
});
