// What the environment variables of every process mean. Names, defaults and limits come from the schemas that read them; a variable
// without a meaning here does not compile.
import { z } from "zod";
import { envSchema as backendSchema } from "../../backend/src/config.ts";
import { environmentSchema as controllerSchema } from "../../controller/src/config.ts";
import { variableOf, environmentSchema as workerSchema } from "../../workers/src/config.ts";

/** A variable as the reference shows it. */
export interface Setting {
  readonly name: string;
  readonly meaning: string;
  /** Its value when nothing is given, as one would write it; empty when it has none. */
  readonly unset: string;
  /** What may be given. */
  readonly values: string;
  /** The same setting in the worker's file; empty when there is none. */
  readonly fileKey: string;
}

type Meanings<Schema extends z.ZodObject> = Record<keyof Schema["shape"] & string, string>;

const shared = {
  AGENTVINE_LOG_LEVEL: "How much is logged, on standard error.",
  AGENTVINE_LOG_FORMAT: "JSON for programs, or lines for people.",
  AGENTVINE_STOP_ON_STDIN_END:
    "Stop when standard input ends; set by whoever starts the process with a pipe, so that it does not outlive its starter.",
};

const caMeaning = "CA that signed the certificate of the backend, as PEM; unset, the CAs that Node.js knows.";
const plainHttpMeaning =
  "Talk to a backend on another machine over plain http, which is refused otherwise: everybody on the way can read keys and code.";

const rateMeaning = (what: string): string =>
  `${what} per second, averaged over ten seconds; what exceeds it is refused with 429. 0: no limit.`;

const keptMeaning = (what: string): string => `Days for which ${what} are kept; 0: for ever.`;

const backendMeanings: Meanings<typeof backendSchema> = {
  ...shared,
  AGENTVINE_PORT: "Port to listen on; 0 takes a free one.",
  AGENTVINE_HOST: "Address to listen on.",
  AGENTVINE_ACCOUNTS:
    "`off`: there is one user, and the backend listens on this machine alone. Otherwise people sign in, and make accounts: `closed` lets nobody, `invite` who was invited, `open` everybody (as a viewer, once the e-mail address is verified).",
  AGENTVINE_ALLOWED_HOSTS:
    "Names by which the backend may be called besides localhost and addresses in numbers, by comma. Requests with another Host or Origin are refused.",
  AGENTVINE_CORS_ORIGINS:
    "Origins of other web pages that may call the backend and read its answers, exact and by comma, such as `https://board.example.org`; `*` is refused.",
  AGENTVINE_TRUSTED_PROXIES:
    "Addresses and networks of the proxies in front, by comma, such as `10.0.0.5,192.168.0.0/24`: only their X-Forwarded-For and X-Forwarded-Proto count.",
  AGENTVINE_TLS_CERT_FILE:
    "Certificate of the backend with those between it and its root, as PEM; with it the backend speaks https and nothing else. A changed file is taken within seconds, or at SIGHUP.",
  AGENTVINE_TLS_KEY_FILE: "Private key of that certificate, as PEM without a passphrase.",
  AGENTVINE_PUBLIC_URL:
    "The address people use, when it is not the one the backend listens on. Without accounts: loopback.",
  DATABASE_URL:
    "Your PostgreSQL (15 or newer); unset, the backend starts an embedded one in its data directory.",
  AGENTVINE_DATABASE_CA_FILE:
    "CA that signed the certificate of your PostgreSQL, as PEM: connections then go over TLS, and the certificate must name the host.",
  AGENTVINE_DATABASE_CONNECTIONS:
    "Largest number of database connections for requests; up to a dozen more serve heartbeats, waiting and background work.",
  AGENTVINE_SMTP_URL:
    "SMTP server for e-mail notices, with user and password when it wants them; unset, notices go to webhooks only. A secret.",
  AGENTVINE_MAIL_FROM: "Sender of e-mail notices.",
  REDIS_URL:
    "Background work (sampling, sweeping, retention) is queued in Redis instead of PostgreSQL; backends that share it wake each other by it and limit rates together.",
  REDIS_CA_FILE:
    "CA that signed the certificate of your Redis, as PEM; REDIS_URL begins with `rediss:` then.",
  AGENTVINE_RATE_READS_PER_SECOND: rateMeaning("Reads of one caller"),
  AGENTVINE_RATE_WRITES_PER_SECOND: rateMeaning("Writes of one caller"),
  AGENTVINE_RATE_WORKER_PER_SECOND: rateMeaning("Requests of one worker, or one attempt, to one route"),
  AGENTVINE_RATE_OPEN_PER_SECOND: rateMeaning("Requests of one address to routes without a token"),
  AGENTVINE_RATE_REFUSED_PER_SECOND: rateMeaning("Requests of one address with a missing or wrong token"),
  AGENTVINE_RATE_CREDENTIALS_PER_MINUTE:
    "Tries of a password, code or link, and test notices, from one address per minute; what exceeds it is refused with 429. 0: no limit.",
  AGENTVINE_LEASE_SECONDS: "How long a work order stays with a worker that is not heard of.",
  AGENTVINE_HEARTBEAT_SECONDS: "How often workers report; at most half of the lease.",
  AGENTVINE_RETRY_BASE_SECONDS:
    "The longest first wait after a failure that may pass; each further one doubles, up to 15 minutes.",
  AGENTVINE_CONFIDENCE_MIN:
    "How sure a controller's model must be of an answer, 0 to 1; what is below goes to a person.",
  AGENTVINE_ATTACHMENT_BYTES_MAX: "Largest attachment of a message, in bytes.",
  AGENTVINE_ATTACHMENTS_PER_MESSAGE_MAX: "Most attachments of one message.",
  AGENTVINE_SOCKETS_PER_CALLER_MAX: "Live connections that one caller may have at one backend.",
  AGENTVINE_ALLOW_UNRUNNABLE: "Queue tasks that no worker could run now, instead of refusing them.",
  AGENTVINE_ALLOW_PRIVATE_HOSTS:
    "Take repositories from hosts in private networks, over plain http, and from any port.",
  AGENTVINE_ALLOW_LOCAL_PATHS:
    "Take paths of the backend's machine as repositories; unset, without accounts alone.",
  AGENTVINE_MASTER_KEY:
    "Keys that stored secrets are sealed with: 32 bytes each in base64 or hexadecimal, the newest first, by comma. Unset, they are in the file below, or in master.key in the data directory, which is made when there is none. A secret.",
  AGENTVINE_MASTER_KEY_FILE: "File that holds these keys, one per line, the newest first.",
  AGENTVINE_POLICY:
    "The policy a new installation begins with: `default`, `no-sandbox`, or the path of a YAML file. Later it is changed with `agentvine policy apply`.",
  AGENTVINE_RETENTION_LOGS_DAYS: keptMeaning("log lines of executions that ended, of tasks that are over"),
  AGENTVINE_RETENTION_ARTIFACTS_DAYS: keptMeaning(
    "artifacts (diffs, bundles, transcripts, checkpoints) of tasks that are over",
  ),
  AGENTVINE_RETENTION_ATTACHMENTS_DAYS: keptMeaning("files of messages, but for tasks that may still go on"),
  AGENTVINE_RETENTION_EVENTS_DAYS: keptMeaning("events, but for tasks that may still go on"),
  AGENTVINE_RETENTION_NOTICES_DAYS: keptMeaning("notices that were sent or given up"),
  AGENTVINE_RETENTION_SAMPLES_DAYS: keptMeaning("samples of the queue and of workers"),
  AGENTVINE_RETENTION_TOKENS_DAYS: keptMeaning("keys and tokens that were revoked or have expired"),
  AGENTVINE_RETENTION_IDEMPOTENCY_KEYS_DAYS: keptMeaning(
    "answers for repeated requests with the same Idempotency-Key",
  ),
  AGENTVINE_RETENTION_AUDIT_DAYS: keptMeaning("entries of the audit log; the seals over them stay"),
  AGENTVINE_CHORES: "False leaves sampling, sweeping and retention to other backends on the same database.",
};

const workerMeanings: Meanings<typeof workerSchema> = {
  ...shared,
  AGENTVINE_SERVER: "Address of the backend: https, or http on this machine.",
  AGENTVINE_CA_FILE: caMeaning,
  AGENTVINE_ALLOW_PLAIN_HTTP: plainHttpMeaning,
  AGENTVINE_ALLOW_PRIVATE_HOSTS:
    "Let git connect to hosts in private networks, and over plain http; unset, every address of a host is checked and git is held to it.",
  AGENTVINE_TOKEN: "The worker's key; without it, the file below is read.",
  AGENTVINE_TOKEN_FILE:
    "File that holds the key; unset, worker.key in the data directory, where the backend of this machine puts it.",
  AGENTVINE_TOKEN_WAIT_SECONDS: "How long to wait for that file while the backend starts.",
  AGENTVINE_WORKER_NAME: "Name in the fleet, unique; unset, the name of the host.",
  AGENTVINE_WORKER_SLOTS: "Executions at a time.",
  AGENTVINE_WORKER_TASK_TYPES: "Task types it takes, by comma.",
  AGENTVINE_WORKER_LABELS: "Labels that tasks may ask for, by comma.",
  AGENTVINE_WORKER_DATA_DIR:
    "Mirrors, workspaces and results not handed in yet; unset, worker in the data directory. One worker each.",
  AGENTVINE_WORKER_SANDBOX: "How agents are confined. In this version only none works; auto never means it.",
  AGENTVINE_WORKER_ACCEPT_NO_SANDBOX: "Accept that with none an agent can do whatever this account can.",
  AGENTVINE_WORKER_AGENT_COMMAND:
    "Run this command line as the agent instead of the builtin one: words, or a JSON array. {promptFile} is replaced.",
  AGENTVINE_WORKER_STEPS_MAX: "Steps of the builtin agent in one execution.",
  AGENTVINE_WORKER_TOKENS_MAX: "Tokens of the builtin agent in one execution.",
  AGENTVINE_WORKER_WORKSPACE_BYTES_MAX:
    "Largest workspace, in bytes; an execution that grows beyond it fails.",
  AGENTVINE_WORKER_DISK_FREE_BYTES_MIN:
    "With less free disk, in bytes, the worker takes no work and says so.",
  AGENTVINE_WORKER_GRACE_SECONDS: "What it has at SIGTERM to finish or give back what it holds.",
  AGENTVINE_WORKER_ANSWER_WAIT_SECONDS:
    "How long an agent waits for an answer, holding its slot, before its work is parked.",
  AGENTVINE_MODEL:
    "Model of the builtin agent, provider/name; providers are anthropic, openai, ollama and openai-compatible. Unset, a key below chooses one.",
  AGENTVINE_MODEL_BASE_URL: "Address of the model's API; needed for openai-compatible.",
  AGENTVINE_MODEL_API_KEY: "Key of the model, whatever the provider; comes before the two below.",
  ANTHROPIC_API_KEY: "Key for Anthropic's models.",
  OPENAI_API_KEY: "Key for OpenAI's models.",
};

const plain = (name: string, meaning: string, values: string, unset = ""): Setting => ({
  name,
  meaning,
  values,
  unset,
  fileKey: "",
});

/** Read by every process, outside of the schemas. */
export const generalSettings: readonly Setting[] = [
  plain(
    "AGENTVINE_HOME",
    "Data directory; unset, .agentvine in a HOME that can be used, else in the account's home.",
    "path",
  ),
];

/** Read by the command line. */
export const cliSettings: readonly Setting[] = [
  plain(
    "AGENTVINE_SERVER",
    "Backend that commands talk to; unset, the one that `agentvine up` runs on the data directory.",
    "address",
    "http://127.0.0.1:7420",
  ),
  plain("AGENTVINE_CA_FILE", caMeaning, "path"),
  plain("AGENTVINE_ALLOW_PLAIN_HTTP", plainHttpMeaning, "true or false", "false"),
  plain("AGENTVINE_TOKEN", "Token of the commands; unset, token in the data directory.", "text"),
  plain("AGENTVINE_PORT", "What --port of up and doctor is unless told.", "0 to 65535", "7420"),
  plain(
    "AGENTVINE_WORKER_CONFIG",
    "YAML or JSON file with settings of a worker; `worker start --config` names it too.",
    "path",
  ),
  plain("OLLAMA_HOST", "Where doctor looks for Ollama.", "address", "127.0.0.1:11434"),
  plain("NO_COLOR", "No colours.", "anything"),
  plain("FORCE_COLOR", "Colours into a pipe too.", "anything"),
];

const controllerMeanings: Meanings<typeof controllerSchema> = {
  ...shared,
  AGENTVINE_SERVER: workerMeanings.AGENTVINE_SERVER,
  AGENTVINE_CA_FILE: caMeaning,
  AGENTVINE_ALLOW_PLAIN_HTTP: plainHttpMeaning,
  AGENTVINE_TOKEN: "The controller's key; without it, the file below is read.",
  AGENTVINE_TOKEN_FILE:
    "File that holds the key; unset, controller.key in the data directory, where the backend of this machine puts it.",
  AGENTVINE_TOKEN_WAIT_SECONDS: workerMeanings.AGENTVINE_TOKEN_WAIT_SECONDS,
  AGENTVINE_CONTROLLER_NAME: "Name among the controllers, unique; unset, the name of the host.",
  AGENTVINE_CONTROLLER_CONCURRENCY: "Questions it thinks about at a time.",
  AGENTVINE_CONTROLLER_THINKING_SECONDS_MAX:
    "A model that has not answered by then is given up, and a person asked.",
  AGENTVINE_CONTROLLER_SILENCE_SECONDS_MAX:
    "A model that takes no question, or stops in the middle of its words, for so long counts as dead, and a person is asked. Thinking is not silence.",
  AGENTVINE_CONTROLLER_GRACE_SECONDS: "How long it may finish what it thinks about when it is stopped.",
  AGENTVINE_MODEL: workerMeanings.AGENTVINE_MODEL,
  AGENTVINE_MODEL_BASE_URL: workerMeanings.AGENTVINE_MODEL_BASE_URL,
  AGENTVINE_MODEL_API_KEY: workerMeanings.AGENTVINE_MODEL_API_KEY,
  ANTHROPIC_API_KEY: workerMeanings.ANTHROPIC_API_KEY,
  OPENAI_API_KEY: workerMeanings.OPENAI_API_KEY,
};

/** The value a field takes when nothing is given. */
const unsetOf = (field: z.ZodType): string => {
  const { data } = field.safeParse(undefined);
  return Array.isArray(data) ? data.join(",") : data === undefined ? "" : String(data);
};

const jsonSchema = z.object({
  enum: z.array(z.string()).optional(),
  minimum: z.number().optional(),
  maximum: z.number().optional(),
  type: z.string().optional(),
  format: z.string().optional(),
});

const describe = (field: z.ZodType, io: "input" | "output") =>
  jsonSchema.parse(z.toJSONSchema(field, { io, unrepresentable: "any" }));

/** What a field takes, for people. */
const valuesOf = (field: z.ZodType): string => {
  const input = describe(field, "input");
  if (input.enum !== undefined) return input.enum.includes("true") ? "true or false" : input.enum.join(", ");
  // Numbers are text until they are read.
  const { type, minimum, maximum, format } = input.type === undefined ? describe(field, "output") : input;
  if (type !== "integer" && type !== "number") return format === "uri" ? "address" : "text";
  const isOpen = maximum === undefined || maximum >= Number.MAX_SAFE_INTEGER;
  return isOpen ? `${minimum ?? 0} or more` : `${minimum ?? 0} to ${maximum}`;
};

const fileKeyOf = (name: string): string =>
  Object.entries(variableOf).find(([, variable]) => variable === name)?.[0] ?? "";

const settingsOf = (
  shape: Readonly<Record<string, z.ZodType>>,
  meanings: Readonly<Record<string, string>>,
  hasFile: boolean,
): Setting[] =>
  Object.entries(shape).map(([name, field]) => ({
    name,
    meaning: meanings[name] ?? "",
    unset: unsetOf(field),
    values: valuesOf(field),
    fileKey: hasFile ? fileKeyOf(name) : "",
  }));

export const backendSettings = (): Setting[] => settingsOf(backendSchema.shape, backendMeanings, false);
export const workerSettings = (): Setting[] => settingsOf(workerSchema.shape, workerMeanings, true);
export const controllerSettings = (): Setting[] =>
  settingsOf(controllerSchema.shape, controllerMeanings, false);
