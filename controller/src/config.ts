import { hostname } from "node:os";
import { join, resolve } from "node:path";
import { nameSchema } from "@agentvine/contracts";
import { AppError, loadConfig, parseModelName, resolveHome } from "@agentvine/kit";
import { z } from "zod";

/** How the controller reaches its model. */
export interface ModelSettings {
  /** `provider/name`. */
  readonly model: string;
  readonly apiKey: string | undefined;
  readonly baseUrl: string | undefined;
  readonly isScripted: boolean;
}

/** What a controller process runs with. */
export interface ControllerConfig {
  readonly serverUrl: string;
  readonly token: string | undefined;
  /** Waited for when it is not there yet: backend and controller may start at the same time. */
  readonly tokenFile: string;
  readonly tokenWaitMs: number;
  readonly name: string;
  /** Requests it thinks about at a time. */
  readonly concurrency: number;
  /** Null: everything is handed to people at once, with that reason. */
  readonly model: ModelSettings | null;
  /** A model that has not answered by then is given up. */
  readonly thinkingMsMax: number;
  readonly graceMs: number;
  readonly log: { readonly level: string; readonly isPretty: boolean };
  readonly isStoppedWithStdin: boolean;
}

const flagSchema = z
  .enum(["true", "false", "1", "0"])
  .default("false")
  .transform((value) => value === "true" || value === "1");

/** The model of a key that comes without a model's name. */
const modelDefaults = { anthropic: "anthropic/claude-sonnet-5-5", openai: "openai/gpt-5.5" } as const;

/** Every variable a controller reads; the reference is made of it. */
export const environmentSchema = z.object({
  AGENTVINE_SERVER: z.url({ protocol: /^https?$/ }).default("http://127.0.0.1:7420"),
  AGENTVINE_TOKEN: z.string().optional(),
  AGENTVINE_TOKEN_FILE: z.string().optional(),
  AGENTVINE_TOKEN_WAIT_SECONDS: z.coerce.number().min(0).default(60),
  AGENTVINE_CONTROLLER_NAME: nameSchema.optional(),
  AGENTVINE_CONTROLLER_CONCURRENCY: z.coerce.number().int().min(1).max(64).default(4),
  AGENTVINE_CONTROLLER_THINKING_SECONDS_MAX: z.coerce.number().min(1).max(600).default(60),
  AGENTVINE_CONTROLLER_GRACE_SECONDS: z.coerce.number().min(0).max(600).default(10),
  AGENTVINE_MODEL: z.string().optional(),
  AGENTVINE_MODEL_BASE_URL: z.url({ protocol: /^https?$/ }).optional(),
  AGENTVINE_MODEL_API_KEY: z.string().optional(),
  ANTHROPIC_API_KEY: z.string().optional(),
  OPENAI_API_KEY: z.string().optional(),
  AGENTVINE_LOG_LEVEL: z.enum(["trace", "debug", "info", "warn", "error", "fatal", "silent"]).default("info"),
  AGENTVINE_LOG_FORMAT: z.enum(["json", "pretty"]).default("json"),
  AGENTVINE_STOP_ON_STDIN_END: flagSchema,
});

type Values = z.output<typeof environmentSchema>;

/**
 * Reads the controller's settings from the environment.
 * @throws AppError `config.invalid`, `model.not_configured`, `home.unusable`
 */
export function loadControllerConfig(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): ControllerConfig {
  const values = loadConfig(environmentSchema, environment);
  const home = resolveHome(environment);
  return {
    serverUrl: values.AGENTVINE_SERVER,
    token: values.AGENTVINE_TOKEN,
    tokenFile: resolve(values.AGENTVINE_TOKEN_FILE ?? join(home, "controller.key")),
    tokenWaitMs: values.AGENTVINE_TOKEN_WAIT_SECONDS * 1_000,
    name: values.AGENTVINE_CONTROLLER_NAME ?? hostname().slice(0, 100),
    concurrency: values.AGENTVINE_CONTROLLER_CONCURRENCY,
    model: modelOf(values),
    thinkingMsMax: values.AGENTVINE_CONTROLLER_THINKING_SECONDS_MAX * 1_000,
    graceMs: values.AGENTVINE_CONTROLLER_GRACE_SECONDS * 1_000,
    log: { level: values.AGENTVINE_LOG_LEVEL, isPretty: values.AGENTVINE_LOG_FORMAT === "pretty" },
    isStoppedWithStdin: values.AGENTVINE_STOP_ON_STDIN_END,
  };
}

function modelOf(values: Values): ModelSettings | null {
  const own = { anthropic: values.ANTHROPIC_API_KEY, openai: values.OPENAI_API_KEY };
  const model = values.AGENTVINE_MODEL ?? modelOfKey(own);
  if (model === undefined) return null;
  const { provider } = parseModelName(model);
  const apiKey = values.AGENTVINE_MODEL_API_KEY ?? own[provider as keyof typeof own];
  if (Object.hasOwn(own, provider) && apiKey === undefined)
    throw new AppError(
      "model.not_configured",
      `The model ${model} needs a key: set ${provider.toUpperCase()}_API_KEY.`,
    );
  const baseUrl = values.AGENTVINE_MODEL_BASE_URL;
  if ((provider === "openai-compatible" || provider === "scripted") && baseUrl === undefined)
    throw new AppError("model.not_configured", `The model ${model} needs AGENTVINE_MODEL_BASE_URL.`);
  return { model, apiKey, baseUrl, isScripted: provider === "scripted" };
}

function modelOfKey(own: { anthropic: string | undefined; openai: string | undefined }): string | undefined {
  if (own.anthropic !== undefined) return modelDefaults.anthropic;
  return own.openai === undefined ? undefined : modelDefaults.openai;
}
