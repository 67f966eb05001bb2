import { AppError } from "./app-error.ts";
import { parseModelName } from "./model-name.ts";

/** The variables that say how a process reaches its model; blank ones count as missing once `loadConfig` has read them. */
export interface ModelVariables {
  readonly AGENTVINE_MODEL?: string | undefined;
  readonly AGENTVINE_MODEL_BASE_URL?: string | undefined;
  readonly AGENTVINE_MODEL_API_KEY?: string | undefined;
  readonly ANTHROPIC_API_KEY?: string | undefined;
  readonly OPENAI_API_KEY?: string | undefined;
}

/** How a process reaches its model. */
export interface ModelSettings {
  /** `provider/name`. */
  readonly model: string;
  readonly apiKey: string | undefined;
  readonly baseUrl: string | undefined;
  readonly isScripted: boolean;
}

/** The model of a key that comes without a model's name. */
const modelDefaults = { anthropic: "anthropic/claude-sonnet-5-5", openai: "openai/gpt-5.5" } as const;

/**
 * The model that the variables name, or the usual one of the key they hold; null when there is neither.
 * @throws AppError `config.invalid` for a name that is none, `model.not_configured` when its key or address is missing
 */
export function readModelSettings(values: ModelVariables): ModelSettings | null {
  const own = { anthropic: values.ANTHROPIC_API_KEY, openai: values.OPENAI_API_KEY };
  const model = values.AGENTVINE_MODEL ?? modelOfKey(own);
  if (model === undefined) return null;
  const { provider } = parseModelName(model);
  const apiKey = values.AGENTVINE_MODEL_API_KEY ?? own[provider as keyof typeof own];
  if (Object.hasOwn(own, provider) && apiKey === undefined) {
    const name = `${provider.toUpperCase()}_API_KEY`;
    throw new AppError("model.not_configured", `The model ${model} needs a key: set ${name}.`);
  }
  const baseUrl = values.AGENTVINE_MODEL_BASE_URL;
  if ((provider === "openai-compatible" || provider === "scripted") && baseUrl === undefined)
    throw new AppError("model.not_configured", `The model ${model} needs AGENTVINE_MODEL_BASE_URL.`);
  return { model, apiKey, baseUrl, isScripted: provider === "scripted" };
}

function modelOfKey(own: {
  readonly anthropic: string | undefined;
  readonly openai: string | undefined;
}): string | undefined {
  if (own.anthropic !== undefined) return modelDefaults.anthropic;
  return own.openai === undefined ? undefined : modelDefaults.openai;
}
