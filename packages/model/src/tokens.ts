import type { Usage } from "@agentvine/contracts";
import type { LanguageModelV3Usage } from "@ai-sdk/provider";

/** The tokens of one reply in four kinds that do not overlap; what a provider does not report counts as none. */
export function tokensOf({ inputTokens, outputTokens }: LanguageModelV3Usage): Omit<Usage, "costUsd"> {
  const cacheReadTokens = inputTokens.cacheRead ?? 0;
  const cacheWriteTokens = inputTokens.cacheWrite ?? 0;
  return {
    inputTokens:
      inputTokens.noCache ?? Math.max(0, (inputTokens.total ?? 0) - cacheReadTokens - cacheWriteTokens),
    outputTokens: outputTokens.total ?? 0,
    cacheReadTokens,
    cacheWriteTokens,
  };
}
