import { AppError } from "./app-error.ts";

export const modelProviders = ["anthropic", "openai", "ollama", "openai-compatible", "scripted"] as const;
export type ModelProvider = (typeof modelProviders)[number];

/** A model as people write it: `provider/name`. */
export interface ModelName {
  readonly provider: ModelProvider;
  /** May hold slashes itself. */
  readonly name: string;
}

/**
 * Splits `provider/name`.
 * @throws AppError `config.invalid`
 */
export function parseModelName(text: string): ModelName {
  const slash = text.indexOf("/");
  const provider = modelProviders.find((candidate) => candidate === text.slice(0, Math.max(slash, 0)));
  const name = text.slice(slash + 1).trim();
  if (provider === undefined || name === "") {
    throw new AppError(
      "config.invalid",
      `the model is written provider/name, where the provider is ${modelProviders.join(", ")}: not ${JSON.stringify(text)}`,
    );
  }
  return { provider, name };
}
