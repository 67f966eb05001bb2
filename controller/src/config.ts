import { hostname } from "node:os";
import { join, resolve } from "node:path";
import { nameSchema } from "@agentvine/contracts";
import { loadConfig, type ModelSettings, readModelSettings, resolveHome } from "@agentvine/kit";
import { z } from "zod";

/** What a controller process runs with. */
export interface ControllerConfig {
  readonly serverUrl: string;
  readonly caFile: string | undefined;
  readonly allowsPlainHttp: boolean;
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
  /** A model that says nothing at first, or stops in the middle of its words, for so long counts as dead. */
  readonly silenceMsMax: number;
  readonly graceMs: number;
  readonly log: { readonly level: string; readonly isPretty: boolean };
  readonly isStoppedWithStdin: boolean;
}

const flagSchema = z
  .enum(["true", "false", "1", "0"])
  .default("false")
  .transform((value) => value === "true" || value === "1");

/** Every variable a controller reads; the reference is made of it. */
export const environmentSchema = z.object({
  AGENTVINE_SERVER: z.url({ protocol: /^https?$/ }).default("http://127.0.0.1:7420"),
  AGENTVINE_CA_FILE: z.string().optional(),
  AGENTVINE_ALLOW_PLAIN_HTTP: flagSchema,
  AGENTVINE_TOKEN: z.string().optional(),
  AGENTVINE_TOKEN_FILE: z.string().optional(),
  AGENTVINE_TOKEN_WAIT_SECONDS: z.coerce.number().min(0).default(60),
  AGENTVINE_CONTROLLER_NAME: nameSchema.optional(),
  AGENTVINE_CONTROLLER_CONCURRENCY: z.coerce.number().int().min(1).max(64).default(4),
  AGENTVINE_CONTROLLER_THINKING_SECONDS_MAX: z.coerce.number().min(1).max(600).default(60),
  /** A model that takes no question, or stops in the middle of its words, for so long counts as dead; thinking is not silence. */
  AGENTVINE_CONTROLLER_SILENCE_SECONDS_MAX: z.coerce.number().min(1).max(600).default(6),
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
    caFile: values.AGENTVINE_CA_FILE,
    allowsPlainHttp: values.AGENTVINE_ALLOW_PLAIN_HTTP,
    token: values.AGENTVINE_TOKEN,
    tokenFile: resolve(values.AGENTVINE_TOKEN_FILE ?? join(home, "controller.key")),
    tokenWaitMs: values.AGENTVINE_TOKEN_WAIT_SECONDS * 1_000,
    name: values.AGENTVINE_CONTROLLER_NAME ?? hostname().slice(0, 100),
    concurrency: values.AGENTVINE_CONTROLLER_CONCURRENCY,
    model: readModelSettings(values),
    thinkingMsMax: values.AGENTVINE_CONTROLLER_THINKING_SECONDS_MAX * 1_000,
    silenceMsMax: values.AGENTVINE_CONTROLLER_SILENCE_SECONDS_MAX * 1_000,
    graceMs: values.AGENTVINE_CONTROLLER_GRACE_SECONDS * 1_000,
    log: { level: values.AGENTVINE_LOG_LEVEL, isPretty: values.AGENTVINE_LOG_FORMAT === "pretty" },
    isStoppedWithStdin: values.AGENTVINE_STOP_ON_STDIN_END,
  };
}
