import { attachmentBytesMax, attachmentsPerMessageMax } from "@agentvine/contracts";
import { loadConfig, resolveHome } from "@agentvine/kit";
import { z } from "zod";
import type { RatesPerSecond } from "./http/rate-limits.ts";

const flagOf = (unset: "true" | "false") =>
  z
    .enum(["true", "false", "1", "0"], "must be true or false")
    .default(unset)
    .transform((text) => text === "true" || text === "1");

const flag = flagOf("false");

const wholeNumber = (min: number, max: number, unset: number) =>
  z.coerce
    .number("must be a number")
    .int("must be a whole number")
    .min(min, `must be at least ${min}`)
    .max(max, `must be at most ${max}`)
    .default(unset);

/** Requests of one caller per second, averaged over ten seconds; 0 for no limit. */
const rate = (unset: number) => wholeNumber(0, 1_000_000, unset);

const urlOf = (pattern: RegExp, example: string) =>
  z.string().regex(pattern, `must look like ${example}`).optional();

/** Every variable the backend reads; the reference is made of it. */
export const envSchema = z
  .object({
    AGENTVINE_PORT: wholeNumber(0, 65_535, 7420),
    AGENTVINE_HOST: z.string().default("127.0.0.1"),
    /** Names this server may be called by, separated by commas. */
    AGENTVINE_ALLOWED_HOSTS: z.string().default(""),
    /** The address people use, when it is not the one the server listens on. */
    AGENTVINE_PUBLIC_URL: urlOf(/^https?:\/\/\S+$/, "https://agentvine.example.org"),
    DATABASE_URL: urlOf(/^postgres(ql)?:\/\/\S+$/, "postgresql://user:password@host:5432/agentvine"),
    AGENTVINE_DATABASE_CONNECTIONS: wholeNumber(4, 500, 20),
    /** SMTP server for e-mail notices, with user and password when it wants them. */
    AGENTVINE_SMTP_URL: urlOf(/^smtps?:\/\/\S+$/, "smtps://user:password@mail.example.org"),
    /** Sender of e-mail notices. */
    AGENTVINE_MAIL_FROM: z.string().max(320).default("AgentVine <agentvine@localhost>"),
    REDIS_URL: urlOf(/^rediss?:\/\/\S+$/, "redis://host:6379"),
    AGENTVINE_RATE_READS_PER_SECOND: rate(200),
    AGENTVINE_RATE_WRITES_PER_SECOND: rate(200),
    AGENTVINE_RATE_WORKER_PER_SECOND: rate(100),
    AGENTVINE_RATE_OPEN_PER_SECOND: rate(50),
    AGENTVINE_RATE_REFUSED_PER_SECOND: rate(10),
    AGENTVINE_LEASE_SECONDS: wholeNumber(1, 3_600, 60),
    AGENTVINE_HEARTBEAT_SECONDS: wholeNumber(1, 600, 15),
    /** The longest first wait after a failure that may pass; each further one doubles. */
    AGENTVINE_RETRY_BASE_SECONDS: z.coerce.number("must be a number").min(0).max(3_600).default(10),
    /** How sure a model must be of an answer, 0 to 1; below it a person is asked. */
    AGENTVINE_CONFIDENCE_MIN: z.coerce.number("must be a number").min(0).max(1).default(0.7),
    /** Largest attachment of a message, in bytes. */
    AGENTVINE_ATTACHMENT_BYTES_MAX: wholeNumber(1, attachmentBytesMax, 10_485_760),
    /** Most attachments of one message. */
    AGENTVINE_ATTACHMENTS_PER_MESSAGE_MAX: wholeNumber(0, attachmentsPerMessageMax, 10),
    /** Live connections that one caller may have at one backend. */
    AGENTVINE_SOCKETS_PER_CALLER_MAX: wholeNumber(1, 1_000_000, 2_000),
    /** Queue tasks that no worker could run now, instead of refusing them. */
    AGENTVINE_ALLOW_UNRUNNABLE: flag,
    AGENTVINE_ALLOW_PRIVATE_HOSTS: flag,
    /** Paths of this machine may be registered as repositories. */
    AGENTVINE_ALLOW_LOCAL_PATHS: flagOf("true"),
    /** Keys that stored secrets are sealed with, newest first. */
    AGENTVINE_MASTER_KEY: z.string().min(1).optional(),
    /** A file that holds them. */
    AGENTVINE_MASTER_KEY_FILE: z.string().min(1).max(4_096).optional(),
    /** The policy a new installation begins with: `default`, `no-sandbox`, or the path of a YAML file. Later it is changed through the API. */
    AGENTVINE_POLICY: z.string().min(1).max(4_096).default("default"),
    /** False leaves sampling, sweeping and retention to other backends on the same database. */
    AGENTVINE_CHORES: flagOf("true"),
    /** Set by whoever starts us with a pipe as stdin: its end means that the starter is gone. */
    AGENTVINE_STOP_ON_STDIN_END: flag,
    AGENTVINE_LOG_LEVEL: z
      .enum(
        ["trace", "debug", "info", "warn", "error", "fatal", "silent"],
        "must be a log level such as info",
      )
      .default("info"),
    AGENTVINE_LOG_FORMAT: z.enum(["json", "pretty"], "must be json or pretty").default("json"),
  })
  .refine((env) => env.AGENTVINE_HEARTBEAT_SECONDS * 2 <= env.AGENTVINE_LEASE_SECONDS, {
    path: ["AGENTVINE_HEARTBEAT_SECONDS"],
    message: "must be at most half of AGENTVINE_LEASE_SECONDS, or a single late heartbeat loses the lease",
  });

/** What a module may need to know about the installation. */
export interface BackendConfig {
  /** Directory of everything this installation keeps on disk. */
  home: string;
  port: number;
  host: string;
  allowedHosts: string[];
  publicUrl: string | undefined;
  /** Undefined: the embedded PostgreSQL. */
  databaseUrl: string | undefined;
  databaseConnections: number;
  redisUrl: string | undefined;
  /** Undefined: no e-mail is sent. */
  smtpUrl: string | undefined;
  mailFrom: string;
  ratesPerSecond: RatesPerSecond;
  leaseSeconds: number;
  heartbeatSeconds: number;
  retryBaseSeconds: number;
  /** A model that is less sure than this decides nothing. */
  confidenceMin: number;
  attachmentBytesMax: number;
  /** Of one message. */
  attachmentsMax: number;
  socketsPerCallerMax: number;
  allowsUnrunnable: boolean;
  allowsPrivateHosts: boolean;
  /** Paths of this machine may be registered as repositories. */
  allowsPaths: boolean;
  /** Undefined, both of them: the file `master.key` of the home, made when there is none. */
  masterKey: string | undefined;
  masterKeyFile: string | undefined;
  /** Name of a preset or path of a file; only a new installation looks at it. */
  policy: string;
  stopsWithStdin: boolean;
  runsChores: boolean;
  logLevel: string;
  logFormat: "json" | "pretty";
}

/**
 * Reads the configuration of the backend from environment variables.
 * @throws AppError `config.invalid` with all problems, `home.unusable`
 */
export function readConfig(env: Record<string, string | undefined> = process.env): BackendConfig {
  const values = loadConfig(envSchema, env);
  const publicHost = values.AGENTVINE_PUBLIC_URL && new URL(values.AGENTVINE_PUBLIC_URL).hostname;
  const allowedHosts = [...values.AGENTVINE_ALLOWED_HOSTS.split(","), publicHost ?? ""]
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== "");
  return {
    home: resolveHome(env),
    port: values.AGENTVINE_PORT,
    host: values.AGENTVINE_HOST,
    allowedHosts,
    publicUrl: values.AGENTVINE_PUBLIC_URL,
    databaseUrl: values.DATABASE_URL,
    databaseConnections: values.AGENTVINE_DATABASE_CONNECTIONS,
    redisUrl: values.REDIS_URL,
    smtpUrl: values.AGENTVINE_SMTP_URL,
    mailFrom: values.AGENTVINE_MAIL_FROM,
    ratesPerSecond: {
      reads: values.AGENTVINE_RATE_READS_PER_SECOND,
      writes: values.AGENTVINE_RATE_WRITES_PER_SECOND,
      worker: values.AGENTVINE_RATE_WORKER_PER_SECOND,
      open: values.AGENTVINE_RATE_OPEN_PER_SECOND,
      refused: values.AGENTVINE_RATE_REFUSED_PER_SECOND,
    },
    leaseSeconds: values.AGENTVINE_LEASE_SECONDS,
    heartbeatSeconds: values.AGENTVINE_HEARTBEAT_SECONDS,
    retryBaseSeconds: values.AGENTVINE_RETRY_BASE_SECONDS,
    confidenceMin: values.AGENTVINE_CONFIDENCE_MIN,
    attachmentBytesMax: values.AGENTVINE_ATTACHMENT_BYTES_MAX,
    attachmentsMax: values.AGENTVINE_ATTACHMENTS_PER_MESSAGE_MAX,
    socketsPerCallerMax: values.AGENTVINE_SOCKETS_PER_CALLER_MAX,
    allowsUnrunnable: values.AGENTVINE_ALLOW_UNRUNNABLE,
    allowsPrivateHosts: values.AGENTVINE_ALLOW_PRIVATE_HOSTS,
    allowsPaths: values.AGENTVINE_ALLOW_LOCAL_PATHS,
    masterKey: values.AGENTVINE_MASTER_KEY,
    masterKeyFile: values.AGENTVINE_MASTER_KEY_FILE,
    policy: values.AGENTVINE_POLICY,
    runsChores: values.AGENTVINE_CHORES,
    stopsWithStdin: values.AGENTVINE_STOP_ON_STDIN_END,
    logLevel: values.AGENTVINE_LOG_LEVEL,
    logFormat: values.AGENTVINE_LOG_FORMAT,
  };
}
