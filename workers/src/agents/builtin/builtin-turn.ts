import type { ModelName } from "@agentvine/kit";
import { noUsage, resolveModel } from "@agentvine/model";
import type { AgentTurnInput, AgentTurnResult } from "../agent-driver.ts";
import type { BuiltinDriverConfig } from "../driver-config.ts";
import { HeardMessages } from "../heard-messages.ts";
import { createSecretRedactor } from "../secret-redactor.ts";
import { AgentLoop } from "./agent-loop.ts";
import { userMessage } from "./message.ts";
import { takeUp } from "./taken-up.ts";

/**
 * One turn of our own agent: asks the model, runs its tools in the sandbox, until it says that it is done or is cut off.
 * @throws only what `onCheckpoint` throws
 */
export async function runBuiltinTurn(
  config: BuiltinDriverConfig,
  modelName: ModelName,
  input: AgentTurnInput,
): Promise<AgentTurnResult> {
  const redactor = createSecretRedactor([config.apiKey]);
  const start = takeUp(input.transcript, input.instruction);
  const heard = new HeardMessages(input);
  const since = start.kind === "finished" ? (await heard.next()).map(userMessage) : [];
  if (start.kind === "finished" && since.length === 0) {
    return {
      outcome: { kind: "finished", summary: start.summary },
      usage: noUsage,
      steps: 0,
      toolCalls: 0,
      modelRetries: 0,
    };
  }
  const loop = new AgentLoop({
    config,
    modelName,
    model: resolveModel(config, modelName),
    input,
    redactor,
    messages: [...start.messages, ...since],
    heard,
    usageBefore: start.usage,
  });
  return redactor.value(await loop.run());
}
