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

/** A JSON logger that never writes the value of a field whose name marks it as a secret. */
export function createLogger({ name, level, pretty = false, stream }: LoggerOptions): Logger {
  const target = stream ?? (pretty ? process.stderr : undefined);
  // Written synchronously to the descriptor: what was logged before a crash is not lost.
  const output =
    target === undefined ? destination({ dest: 2, sync: true }) : pretty ? prettyLogStream(target) : target;
  return pino({ name, level, redact: { paths: secretPaths, censor: "[redacted]" } }, output);
}
