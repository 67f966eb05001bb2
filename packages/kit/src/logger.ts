import type { Writable } from "node:stream";
import { destination, type Logger, pino } from "pino";
import { prettyLogStream } from "./pretty-log.ts";

export type { Logger } from "pino";

export interface LoggerOptions {
  /** The process or part that logs. */
  name: string;
  /** trace, debug, info, warn, error, fatal or silent. */
  level: string;
  /** Lines for people instead of JSON. */
  pretty?: boolean;
  /** Where lines go; standard error by default, because standard output belongs to a program's answers. */
  stream?: Writable;
  /** Called with each line as JSON before it is written; gives it back without the secrets that are known by then. */
  hide?: (line: string) => string;
}

const secretNames = [
  "authorization",
  "cookie",
  '["set-cookie"]',
  '["x-api-key"]',
  "token",
  "accessToken",
  "refreshToken",
  "attemptToken",
  "key",
  "apiKey",
  "password",
  "secret",
  "privateKey",
  "masterKey",
  "signingSecret",
  "testSecrets",
  "databaseUrl",
  "DATABASE_URL",
];
/** Secrets are looked for down to this many levels below a record, which reaches `req.headers.authorization`. */
const secretDepthMax = 3;

const secretPaths = Array.from({ length: secretDepthMax + 1 }, (_, depth) =>
  secretNames.map(
    (name) => `${Array(depth).fill("*").join(".")}${depth > 0 && !name.startsWith("[") ? "." : ""}${name}`,
  ),
).flat();

interface LoggedError {
  type: string;
  message: string;
  code?: string;
  detail?: string;
  stack?: string;
  cause?: LoggedError;
}

const causeDepthMax = 5;

/**
 * What of an error's own text is no log's business: a failed query quotes all of its values, which may be secrets, and as large as
 * whatever was to be stored.
 */
function hiddenTextOf(error: Error): string {
  const { query, params } = error as { query?: unknown; params?: unknown };
  return typeof query === "string" && Array.isArray(params) ? `params: ${params}` : "";
}

/** What a log says of an error. Only these fields: errors of drivers carry whole connections with them. */
function describeError(error: unknown, depth = 0): LoggedError {
  if (!(error instanceof Error)) {
    return { type: typeof error, message: String(error) };
  }
  const { code, detail } = error as { code?: unknown; detail?: unknown };
  const hidden = hiddenTextOf(error);
  const shown = (text: string): string =>
    hidden === "" ? text : text.replaceAll(hidden, "params: [redacted]");
  return {
    type: error.name,
    message: shown(error.message),
    ...(typeof code === "string" ? { code } : {}),
    ...(typeof detail === "string" ? { detail } : {}),
    ...(error.stack === undefined ? {} : { stack: shown(error.stack) }),
    ...(error.cause === undefined || depth >= causeDepthMax
      ? {}
      : { cause: describeError(error.cause, depth + 1) }),
  };
}

/** A JSON logger that never writes the value of a field whose name marks it as a secret. */
export function createLogger({ name, level, pretty = false, stream, hide }: LoggerOptions): Logger {
  const target = stream ?? (pretty ? process.stderr : undefined);
  // Written synchronously to the descriptor: what was logged before a crash is not lost.
  const output =
    target === undefined ? destination({ dest: 2, sync: true }) : pretty ? prettyLogStream(target) : target;
  return pino(
    {
      name,
      level,
      redact: { paths: secretPaths, censor: "[redacted]" },
      serializers: { err: (error: unknown) => describeError(error) },
    },
    hide === undefined ? output : { write: (line: string) => output.write(hide(line)) },
  );
}
