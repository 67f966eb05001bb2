import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { join, resolve } from "node:path";
import { labelSchema, nameSchema, sandboxDrivers, type TaskType, taskTypes } from "@agentvine/contracts";
import { AppError, coerceError, loadConfig, readModelSettings, resolveHome } from "@agentvine/kit";
import { parse as parseYaml } from "yaml";
import { z } from "zod";
import { parseCommandLine } from "./base/command-line.ts";
import type { AgentSettings } from "./execution/executor-channel.ts";
import { toolPath } from "./process/tool-path.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** What a worker process runs with. */
export interface WorkerConfig {
  readonly serverUrl: string;
  readonly caFile: string | undefined;
  readonly allowsPlainHttp: boolean;
  readonly token: string | undefined;
  /** Waited for when it is not there yet: backend and worker may start at the same time. */
  readonly tokenFile: string;
  readonly tokenWaitMs: number;
  readonly name: string;
  readonly slots: number;
  readonly taskTypes: readonly TaskType[];
  readonly labels: readonly string[];
  readonly dataDir: string;
  readonly sandbox: (typeof sandboxDrivers)[number] | "auto";
  readonly isNoSandboxAccepted: boolean;
  /** Repositories may lie in private networks, and be reached over plain http. */
  readonly allowsPrivateHosts: boolean;
  /** Null when no agent is configured: the worker still publishes. */
  readonly agent: AgentSettings | null;
  readonly modelApiKey: string | undefined;
  readonly limits: {
    readonly stepsMax: number;
    readonly tokensMax: number;
    readonly workspaceBytesMax: number;
    readonly diskFreeBytesMin: number;
  };
  readonly graceMs: number;
  /** How long an agent waits for an answer, holding its slot, before its work is parked. */
  readonly answerWaitMs: number;
  readonly log: { readonly level: string; readonly isPretty: boolean };
  readonly isStoppedWithStdin: boolean;
  /** PATH for git and for what agents run. */
  readonly toolPath: string;
  /** What an executor gets of this environment; the model's key is added by the supervisor. */
  readonly executorEnvironment: Readonly<Record<string, string>>;
}

const flagSchema = z
  .enum(["true", "false", "1", "0"])
  .default("false")
  .transform((value) => value === "true" || value === "1");
const listSchema = (text: string): string[] =>
  text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
const wordsSchema = z.string().transform(listSchema);
const countSchema = z.coerce.number().int().min(1);

/** The supported task types that a worker serves unless told otherwise. */
const taskTypesDefault = ["feature", "bugfix", "test", "docs"] as const;

/** Every variable a worker reads; the reference is made of it. */
export const environmentSchema = z.object({
  AGENTVINE_SERVER: z.url({ protocol: /^https?$/ }).default("http://127.0.0.1:7420"),
  AGENTVINE_CA_FILE: z.string().optional(),
  AGENTVINE_ALLOW_PLAIN_HTTP: flagSchema,
  AGENTVINE_TOKEN: z.string().optional(),
  AGENTVINE_TOKEN_FILE: z.string().optional(),
  AGENTVINE_TOKEN_WAIT_SECONDS: z.coerce.number().min(0).default(60),
  AGENTVINE_WORKER_NAME: nameSchema.optional(),
  AGENTVINE_WORKER_SLOTS: z.coerce.number().int().min(1).max(256).default(1),
  AGENTVINE_WORKER_TASK_TYPES: wordsSchema
    .pipe(z.array(z.enum(taskTypes)).min(1))
    .default([...taskTypesDefault]),
  AGENTVINE_WORKER_LABELS: wordsSchema.pipe(z.array(labelSchema).max(50)).default([]),
  AGENTVINE_WORKER_DATA_DIR: z.string().optional(),
  AGENTVINE_WORKER_SANDBOX: z.enum(["auto", ...sandboxDrivers]).default("auto"),
  AGENTVINE_WORKER_ACCEPT_NO_SANDBOX: flagSchema,
  AGENTVINE_ALLOW_PRIVATE_HOSTS: flagSchema,
  AGENTVINE_WORKER_AGENT_COMMAND: z.string().optional(),
  AGENTVINE_WORKER_STEPS_MAX: countSchema.default(200),
  AGENTVINE_WORKER_TOKENS_MAX: countSchema.default(5_000_000),
  AGENTVINE_WORKER_WORKSPACE_BYTES_MAX: countSchema.default(4_294_967_296),
  AGENTVINE_WORKER_DISK_FREE_BYTES_MIN: z.coerce.number().int().min(0).default(1_073_741_824),
  AGENTVINE_WORKER_GRACE_SECONDS: z.coerce.number().min(1).max(3_600).default(20),
  AGENTVINE_WORKER_ANSWER_WAIT_SECONDS: z.coerce.number().min(0).max(3_600).default(240),
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

/** Settings of the file and the variable each of them stands for; the environment wins. */
const fileSchema = z.strictObject({
  server: z.string().optional(),
  caFile: z.string().optional(),
  allowPlainHttp: z.boolean().optional(),
  tokenFile: z.string().optional(),
  name: z.string().optional(),
  slots: z.number().optional(),
  taskTypes: z.array(z.string()).optional(),
  labels: z.array(z.string()).optional(),
  dataDir: z.string().optional(),
  sandbox: z.string().optional(),
  acceptNoSandbox: z.boolean().optional(),
  allowPrivateHosts: z.boolean().optional(),
  model: z.string().optional(),
  modelBaseUrl: z.string().optional(),
  agentCommand: z.union([z.string(), z.array(z.string())]).optional(),
  stepsMax: z.number().optional(),
  tokensMax: z.number().optional(),
  workspaceBytesMax: z.number().optional(),
  diskFreeBytesMin: z.number().optional(),
  graceSeconds: z.number().optional(),
  answerWaitSeconds: z.number().optional(),
  logLevel: z.string().optional(),
});

/** The settings of the file and their variables. */
export const variableOf: Record<keyof z.output<typeof fileSchema>, keyof Values> = {
  server: "AGENTVINE_SERVER",
  caFile: "AGENTVINE_CA_FILE",
  allowPlainHttp: "AGENTVINE_ALLOW_PLAIN_HTTP",
  tokenFile: "AGENTVINE_TOKEN_FILE",
  name: "AGENTVINE_WORKER_NAME",
  slots: "AGENTVINE_WORKER_SLOTS",
  taskTypes: "AGENTVINE_WORKER_TASK_TYPES",
  labels: "AGENTVINE_WORKER_LABELS",
  dataDir: "AGENTVINE_WORKER_DATA_DIR",
  sandbox: "AGENTVINE_WORKER_SANDBOX",
  acceptNoSandbox: "AGENTVINE_WORKER_ACCEPT_NO_SANDBOX",
  allowPrivateHosts: "AGENTVINE_ALLOW_PRIVATE_HOSTS",
  model: "AGENTVINE_MODEL",
  modelBaseUrl: "AGENTVINE_MODEL_BASE_URL",
  agentCommand: "AGENTVINE_WORKER_AGENT_COMMAND",
  stepsMax: "AGENTVINE_WORKER_STEPS_MAX",
  tokensMax: "AGENTVINE_WORKER_TOKENS_MAX",
  workspaceBytesMax: "AGENTVINE_WORKER_WORKSPACE_BYTES_MAX",
  diskFreeBytesMin: "AGENTVINE_WORKER_DISK_FREE_BYTES_MIN",
  graceSeconds: "AGENTVINE_WORKER_GRACE_SECONDS",
  answerWaitSeconds: "AGENTVINE_WORKER_ANSWER_WAIT_SECONDS",
  logLevel: "AGENTVINE_LOG_LEVEL",
};

/**
 * Reads the worker's settings from the environment and, below it, the file AGENTVINE_WORKER_CONFIG names (YAML or JSON).
 * @throws AppError `config.invalid` with everything that is wrong; `home.unusable`.
 */
export const loadWorkerConfig = (environment: Environment = process.env): WorkerConfig => {
  const values = loadConfig(environmentSchema, {
    ...readFile(environment.AGENTVINE_WORKER_CONFIG),
    ...filled(environment),
  });
  const home = resolveHome(environment);
  const path = toolPath(environment.PATH);
  return {
    serverUrl: values.AGENTVINE_SERVER,
    // Executors run elsewhere.
    caFile: values.AGENTVINE_CA_FILE === undefined ? undefined : resolve(values.AGENTVINE_CA_FILE),
    allowsPlainHttp: values.AGENTVINE_ALLOW_PLAIN_HTTP,
    token: values.AGENTVINE_TOKEN,
    tokenFile: resolve(values.AGENTVINE_TOKEN_FILE ?? join(home, "worker.key")),
    tokenWaitMs: values.AGENTVINE_TOKEN_WAIT_SECONDS * 1_000,
    name: values.AGENTVINE_WORKER_NAME ?? hostname().slice(0, 100),
    slots: values.AGENTVINE_WORKER_SLOTS,
    taskTypes: [...new Set(values.AGENTVINE_WORKER_TASK_TYPES)],
    labels: values.AGENTVINE_WORKER_LABELS,
    dataDir: resolve(values.AGENTVINE_WORKER_DATA_DIR ?? join(home, "worker")),
    sandbox: values.AGENTVINE_WORKER_SANDBOX,
    isNoSandboxAccepted: values.AGENTVINE_WORKER_ACCEPT_NO_SANDBOX,
    allowsPrivateHosts: values.AGENTVINE_ALLOW_PRIVATE_HOSTS,
    ...agentOf(values),
    limits: {
      stepsMax: values.AGENTVINE_WORKER_STEPS_MAX,
      tokensMax: values.AGENTVINE_WORKER_TOKENS_MAX,
      workspaceBytesMax: values.AGENTVINE_WORKER_WORKSPACE_BYTES_MAX,
      diskFreeBytesMin: values.AGENTVINE_WORKER_DISK_FREE_BYTES_MIN,
    },
    answerWaitMs: values.AGENTVINE_WORKER_ANSWER_WAIT_SECONDS * 1_000,
    graceMs: values.AGENTVINE_WORKER_GRACE_SECONDS * 1_000,
    log: { level: values.AGENTVINE_LOG_LEVEL, isPretty: values.AGENTVINE_LOG_FORMAT === "pretty" },
    isStoppedWithStdin: values.AGENTVINE_STOP_ON_STDIN_END,
    toolPath: path,
    executorEnvironment: { ...pick(environment, executorVariables), PATH: path },
  };
};

/** What an executor finds in its environment: nothing but the model's key is secret there. */
export interface ExecutorEnvironment {
  readonly modelApiKey: string | undefined;
  readonly toolPath: string;
}

export const loadExecutorEnvironment = (environment: Environment = process.env): ExecutorEnvironment => ({
  modelApiKey: environment.AGENTVINE_MODEL_API_KEY || undefined,
  toolPath: toolPath(environment.PATH),
});

const executorVariables = [
  "HOME",
  "LANG",
  "LC_ALL",
  "TZ",
  "TMPDIR",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "NODE_EXTRA_CA_CERTS",
  "HTTPS_PROXY",
  "HTTP_PROXY",
  "NO_PROXY",
  "https_proxy",
  "http_proxy",
  "no_proxy",
  "NODE_V8_COVERAGE",
] as const;

const pick = (environment: Environment, names: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    names.flatMap((name) => {
      const value = environment[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );

const filled = (environment: Environment): Record<string, string> =>
  Object.fromEntries(
    Object.entries(environment).filter((entry): entry is [string, string] => (entry[1] ?? "") !== ""),
  );

const readFile = (path: string | undefined): Record<string, string> => {
  if (path === undefined || path === "") return {};
  const refuse = (problem: string, cause?: unknown): AppError =>
    new AppError("config.invalid", `The worker's settings in ${path} can't be used: ${problem}`, { cause });
  let content: unknown;
  try {
    content = parseYaml(readFileSync(path, "utf8")) ?? {};
  } catch (error) {
    throw refuse(coerceError(error).message, error);
  }
  const parsed = fileSchema.safeParse(content);
  if (!parsed.success) {
    throw refuse(
      parsed.error.issues
        .map((issue) => `${issue.path.join(".")}: ${issue.message}`.replace(/^: /, ""))
        .join("; "),
    );
  }
  return Object.fromEntries(
    Object.entries(parsed.data).map(([name, value]) => [
      variableOf[name as keyof typeof variableOf],
      Array.isArray(value)
        ? name === "agentCommand"
          ? JSON.stringify(value)
          : value.join(",")
        : String(value),
    ]),
  );
};

const agentOf = (values: Values): Pick<WorkerConfig, "agent" | "modelApiKey"> => {
  if (values.AGENTVINE_WORKER_AGENT_COMMAND !== undefined) {
    const argv = parseCommandLine(values.AGENTVINE_WORKER_AGENT_COMMAND);
    return { agent: { driver: "command", argv, isScripted: false }, modelApiKey: undefined };
  }
  const settings = readModelSettings(values);
  if (settings === null) return { agent: null, modelApiKey: undefined };
  const { model, apiKey, baseUrl, isScripted } = settings;
  return {
    agent: { driver: "builtin", model, ...(baseUrl === undefined ? {} : { baseUrl }), isScripted },
    modelApiKey: apiKey,
  };
};
