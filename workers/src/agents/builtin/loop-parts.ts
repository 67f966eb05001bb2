import type { Usage } from "@agentvine/contracts";
import type { ModelName } from "@agentvine/kit";
import type { LanguageModelV3 } from "@ai-sdk/provider";
import type { AgentTurnInput } from "../agent-driver.ts";
import type { BuiltinDriverConfig } from "../driver-config.ts";
import type { HeardMessages } from "../heard-messages.ts";
import type { SecretRedactor } from "../secret-redactor.ts";
import type { Message } from "./message.ts";

/** What a turn is made of. */
export interface LoopParts {
  readonly config: BuiltinDriverConfig;
  readonly modelName: ModelName;
  readonly model: LanguageModelV3;
  readonly input: AgentTurnInput;
  readonly redactor: SecretRedactor;
  readonly messages: Message[];
  readonly heard: HeardMessages;
  /** Used in earlier turns; token limits hold over all of them. */
  readonly usageBefore: Usage;
}
