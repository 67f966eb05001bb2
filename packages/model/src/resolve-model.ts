import type { ModelName } from "@agentvine/kit";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import type { LanguageModelV3 } from "@ai-sdk/provider";

/** The key and the address of a model. */
export interface ModelAccess {
  readonly apiKey?: string | undefined;
  /** With its version part; needed for `openai-compatible` and `scripted`. */
  readonly baseUrl?: string | undefined;
}

// Always given to the SDK, which else would read addresses and keys from the environment.
const addresses = {
  anthropic: "https://api.anthropic.com/v1",
  openai: "https://api.openai.com/v1",
  ollama: "http://127.0.0.1:11434/v1",
} as const;

/** The model a configuration names, with the key and address of the configuration and nothing else. */
export function resolveModel(config: ModelAccess, { provider, name }: ModelName): LanguageModelV3 {
  const { apiKey = "", baseUrl } = config;
  switch (provider) {
    case "anthropic":
      return createAnthropic({ apiKey, baseURL: baseUrl ?? addresses.anthropic })(name);
    case "scripted":
      return createAnthropic({ apiKey: apiKey || "scripted", baseURL: baseUrl ?? "" })(name);
    case "openai":
      // Chat completions keep nothing on the server; the conversation is ours alone.
      return createOpenAI({ apiKey, baseURL: baseUrl ?? addresses.openai }).chat(name);
    case "ollama":
    case "openai-compatible":
      return createOpenAICompatible({
        name: provider,
        baseURL: baseUrl ?? addresses.ollama,
        includeUsage: true,
        ...(apiKey === "" ? {} : { apiKey }),
      }).chatModel(name);
  }
}

const contextTokens: Record<ModelName["provider"], number> = {
  anthropic: 200_000,
  scripted: 200_000,
  openai: 128_000,
  // What a local server is set to is not known; most are set low.
  ollama: 32_000,
  "openai-compatible": 32_000,
};

/** How many tokens the model can take in, when the configuration does not say. */
export const contextTokensOf = ({ provider }: ModelName): number => contextTokens[provider];

/**
 * How long one answer may be, when the configuration does not say. What Anthropic's models could give at most is taken off
 * the room for the conversation; other providers need no limit.
 */
export const outputTokensMaxOf = ({ provider }: ModelName): number | undefined =>
  provider === "anthropic" || provider === "scripted" ? 32_000 : undefined;
