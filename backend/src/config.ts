import {
  attachmentBytesMax,
  attachmentsPerMessageMax,
  type RegistrationMode,
  registrationModes,
} from "@agentvine/contracts";
import { isLoopback, loadConfig, resolveHome } from "@agentvine/kit";
import { z } from "zod";
import { secureDatabaseUrl } from "./database/connection-options.ts";
import { cidrListSchema, originListSchema } from "./edge-settings.ts";
import type { RatesPerSecond } from "./http/rate-limits.ts";
import type { TlsFiles } from "./http/server-tls.ts";
import { type RetentionDays, retentionDaysOf, retentionVariables } from "./retention.ts";

const flagValues = z.enum(["true", "false", "1", "0"], "must be true or false");
const isYes = (text: z.infer<typeof flagValues>): boolean => text === "true" || text === "1";
const flagOf = (unset: "true" | "false") => flagValues.default(unset).transform(isYes);
const optionalFlag = flagValues.transform(isYes).optional();

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

/** Whether no other machine reaches what listens there. */
const isOwnHost = (host: string): boolean => isLoopback(`http://${host.includes(":") ? `[${host}]` : host}`);
const isOwnUrl = (url: string | undefined): boolean =>
  url === undefined || !URL.canParse(url) || isLoopback(url);

const howToLetIn = "set AGENTVINE_ACCOUNTS to closed, invite or open to let other machines in";
const path = z.string().min(1).max(4_096).optional();

/** Every variable the backend reads; the reference is made of it. */
export const envSchema = z
  .object({
    AGENTVINE_PORT: wholeNumber(0, 65_535, 7420),
    AGENTVINE_HOST: z.string().default("127.0.0.1"),
    /** `off`: one user, on this machine alone. Else who may make an account: nobody, who is invited, or everybody. */
    AGENTVINE_ACCOUNTS: z
      .enum(["off", ...registrationModes], "must be off, closed, invite or open")
      .default("off"),
    /** Names this server may be called by, separated by commas. */
    AGENTVINE_ALLOWED_HOSTS: z.string().default(""),
    /** The address people use, when it is not the one the server listens on. */
    AGENTVINE_PUBLIC_URL: urlOf(/^https?:\/\/\S+$/, "https://agentvine.example.org"),
    /** Web pages of other origins that may call us, separated by commas. */
    AGENTVINE_CORS_ORIGINS: originListSchema,
    /** Proxies whose X-Forwarded-For and X-Forwarded-Proto count: addresses and networks, separated by commas. */
    AGENTVINE_TRUSTED_PROXIES: cidrListSchema,
    /** Certificate and key, as PEM: with them the server speaks https and nothing else. */
    AGENTVINE_TLS_CERT_FILE: path,
    AGENTVINE_TLS_KEY_FILE: path,
    DATABASE_URL: urlOf(/^postgres(ql)?:\/\/\S+$/, "postgresql://user:password@host:5432/agentvine"),
    /** CA that signed the certificate of that PostgreSQL, as PEM. */
    AGENTVINE_DATABASE_CA_FILE: path,
    AGENTVINE_DATABASE_CONNECTIONS: wholeNumber(4, 500, 20),
    /** SMTP server for e-mail notices, with user and password when it wants them. */
    AGENTVINE_SMTP_URL: urlOf(/^smtps?:\/\/\S+$/, "smtps://user:password@mail.example.org"),
    /** Sender of e-mail notices. */
    AGENTVINE_MAIL_FROM: z.string().max(320).default("AgentVine <agentvine@localhost>"),
    REDIS_URL: urlOf(/^rediss?:\/\/\S+$/, "redis://host:6379"),
    /** CA that signed the certificate of that Redis, as PEM. */
    REDIS_CA_FILE: path,
    AGENTVINE_RATE_READS_PER_SECOND: rate(200),
    AGENTVINE_RATE_WRITES_PER_SECOND: rate(200),
    AGENTVINE_RATE_WORKER_PER_SECOND: rate(100),
    AGENTVINE_RATE_OPEN_PER_SECOND: rate(50),
    AGENTVINE_RATE_REFUSED_PER_SECOND: rate(10),
    AGENTVINE_RATE_CREDENTIALS_PER_MINUTE: rate(20),
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
    /** Unset: without accounts alone, where whoever asks could read those paths anyway. */
    AGENTVINE_ALLOW_LOCAL_PATHS: optionalFlag,
    /** Keys that stored secrets are sealed with, newest first. */
    AGENTVINE_MASTER_KEY: z.string().min(1).optional(),
    /** A file that holds them. */
    AGENTVINE_MASTER_KEY_FILE: z.string().min(1).max(4_096).optional(),
    /** The policy a new installation begins with: `default`, `no-sandbox`, or the path of a YAML file. Later it is changed through the API. */
    AGENTVINE_POLICY: z.string().min(1).max(4_096).default("default"),
    ...retentionVariables,
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
  })
  .refine((env) => env.AGENTVINE_ACCOUNTS !== "off" || isOwnHost(env.AGENTVINE_HOST), {
    path: ["AGENTVINE_HOST"],
    message: `must be 127.0.0.1 (or another loopback address) without accounts: ${howToLetIn}`,
  })
  .refine((env) => env.AGENTVINE_ACCOUNTS !== "off" || env.AGENTVINE_TRUSTED_PROXIES.length === 0, {
    path: ["AGENTVINE_TRUSTED_PROXIES"],
    message: `must be empty without accounts, for a proxy brings others: ${howToLetIn}`,
  })
  .refine((env) => env.AGENTVINE_ACCOUNTS !== "off" || isOwnUrl(env.AGENTVINE_PUBLIC_URL), {
    path: ["AGENTVINE_PUBLIC_URL"],
    message: `must name this machine (a loopback address) without accounts: ${howToLetIn}`,
  })
  .refine(
    (env) => (env.AGENTVINE_TLS_CERT_FILE === undefined) === (env.AGENTVINE_TLS_KEY_FILE === undefined),
    {
      path: ["AGENTVINE_TLS_CERT_FILE"],
      message: "must be set together with AGENTVINE_TLS_KEY_FILE: https needs the certificate and its key",
    },
  )
  .refine((env) => env.REDIS_CA_FILE === undefined || env.REDIS_URL?.startsWith("rediss:") === true, {
    path: ["REDIS_CA_FILE"],
    message: "is only of use with TLS: let REDIS_URL begin with rediss://",
  });

/** What a module may need to know about the installation. */
export interface BackendConfig {
  /** Directory of everything this installation keeps on disk. */
  home: string;
  port: number;
  host: string;
  /** `off`: local mode. */
  accounts: "off" | RegistrationMode;
  allowedHosts: string[];
  /** Origins of other web pages that may call. */
  corsOrigins: string[];
  trustedProxies: string[];
  /** Undefined: plain http. */
  tls: TlsFiles | undefined;
  publicUrl: string | undefined;
  /** With what it says of TLS; undefined: the embedded PostgreSQL. */
  databaseUrl: string | undefined;
  databaseConnections: number;
  redisUrl: string | undefined;
  /** Undefined: the usual CAs. */
  redisCaFile: string | undefined;
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
  retentionDays: RetentionDays;
  logLevel: string;
  logFormat: "json" | "pretty";
}

/**
 * Reads the configuration of the backend from environment variables.
 * @throws AppError `config.invalid` with all problems, or with the one of a file that is named; `home.unusable`
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
    accounts: values.AGENTVINE_ACCOUNTS,
    allowedHosts,
    corsOrigins: values.AGENTVINE_CORS_ORIGINS,
    trustedProxies: values.AGENTVINE_TRUSTED_PROXIES,
    tls: tlsOf(values),
    publicUrl: values.AGENTVINE_PUBLIC_URL,
    databaseUrl: secureDatabaseUrl(values.DATABASE_URL, values.AGENTVINE_DATABASE_CA_FILE),
    databaseConnections: values.AGENTVINE_DATABASE_CONNECTIONS,
    redisUrl: values.REDIS_URL,
    redisCaFile: values.REDIS_CA_FILE,
    smtpUrl: values.AGENTVINE_SMTP_URL,
    mailFrom: values.AGENTVINE_MAIL_FROM,
    ratesPerSecond: {
      reads: values.AGENTVINE_RATE_READS_PER_SECOND,
      writes: values.AGENTVINE_RATE_WRITES_PER_SECOND,
      worker: values.AGENTVINE_RATE_WORKER_PER_SECOND,
      open: values.AGENTVINE_RATE_OPEN_PER_SECOND,
      refused: values.AGENTVINE_RATE_REFUSED_PER_SECOND,
      credentials: values.AGENTVINE_RATE_CREDENTIALS_PER_MINUTE / 60,
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
    allowsPaths: values.AGENTVINE_ALLOW_LOCAL_PATHS ?? values.AGENTVINE_ACCOUNTS === "off",
    masterKey: values.AGENTVINE_MASTER_KEY,
    masterKeyFile: values.AGENTVINE_MASTER_KEY_FILE,
    policy: values.AGENTVINE_POLICY,
    runsChores: values.AGENTVINE_CHORES,
    retentionDays: retentionDaysOf(values),
    stopsWithStdin: values.AGENTVINE_STOP_ON_STDIN_END,
    logLevel: values.AGENTVINE_LOG_LEVEL,
    logFormat: values.AGENTVINE_LOG_FORMAT,
  };
}

function tlsOf(values: z.output<typeof envSchema>): TlsFiles | undefined {
  const { AGENTVINE_TLS_CERT_FILE: certFile, AGENTVINE_TLS_KEY_FILE: keyFile } = values;
  return certFile === undefined || keyFile === undefined ? undefined : { certFile, keyFile };
}
