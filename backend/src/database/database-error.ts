/** The chain of an error and its causes, outermost first. */
function* causesOf(error: unknown): Generator<object> {
  let current = error;
  for (let depth = 0; depth < 8 && typeof current === "object" && current !== null; depth += 1) {
    yield current;
    current = "cause" in current ? current.cause : undefined;
  }
}

const textOf = (value: object, field: string): string | undefined => {
  const found: unknown = Reflect.get(value, field);
  return typeof found === "string" ? found : undefined;
};

// Classes of SQLSTATE begin so; EPIPE, which has five letters too, does not.
const sqlState = /^(?:\d[0-9A-Z]|F0|HV|P0|XX)[0-9A-Z]{3}$/;

/** The SQLSTATE of a database error, however often it was wrapped; undefined for anything else. */
export function sqlStateOf(error: unknown): string | undefined {
  for (const cause of causesOf(error)) {
    const code = textOf(cause, "code");
    if (code !== undefined && sqlState.test(code)) {
      return code;
    }
  }
  return undefined;
}

/** What PostgreSQL itself said, in one line; the outermost message when it said nothing. */
export function sqlReasonOf(error: unknown): string {
  const messages = [...causesOf(error)].map((cause) => textOf(cause, "message") ?? "");
  // The innermost: what wraps it holds statements and values.
  const [line = ""] = (messages.at(-1) ?? "").split("\n");
  return line.replace(/\.$/, "");
}

/** The constraint that a database error names. */
function violatedConstraint(error: unknown): string | undefined {
  for (const cause of causesOf(error)) {
    const constraint = textOf(cause, "constraint");
    if (constraint !== undefined) {
      return constraint;
    }
  }
  return undefined;
}

/** True for a violated unique constraint, of that name when one is given. */
export const isUniqueViolation = (error: unknown, constraint?: string): boolean =>
  sqlStateOf(error) === "23505" && (constraint === undefined || violatedConstraint(error) === constraint);

const networkCodes = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  "ETIMEDOUT",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOENT",
]);
const lostConnection =
  /Connection terminated|Query read timeout|timeout expired|Client has encountered a connection error|Client was closed|Cannot use a pool after calling end/;
const noFreeConnection = /^timeout exceeded when trying to connect$/;

function anyCause(error: unknown, matches: (cause: object) => boolean): boolean {
  for (const cause of causesOf(error)) {
    const others: unknown[] = cause instanceof AggregateError ? cause.errors : [];
    if (matches(cause) || others.some((one) => anyCause(one, matches))) return true;
  }
  return false;
}

const isLostConnection = (cause: object): boolean =>
  (textOf(cause, "syscall") === "connect" && networkCodes.has(textOf(cause, "code") ?? "")) ||
  lostConnection.test(textOf(cause, "message") ?? "") ||
  textOf(cause, "code") === "database.unavailable";

/** What a failed query means for whoever asked: trying again later may help with each of them. */
export type DatabaseFault =
  | "database.unavailable"
  | "database.busy"
  | "database.read_only"
  | "storage.full"
  | "request.timeout";

// 08: connection, 57P: shutdown or crash, 25P03 and 25P04: the server gave the transaction up, 53: what the server itself lacks.
const faultsByState: readonly [RegExp, DatabaseFault][] = [
  [/^(08...|57P..|25P0[34]|53[023]00)$/, "database.unavailable"],
  [/^53100$/, "storage.full"],
  [/^25006$/, "database.read_only"],
  [/^55P03$/, "database.busy"],
  [/^57014$/, "request.timeout"],
];

/** Why the database could not do what was asked; undefined when it is not the database's condition that is at fault. */
export function databaseFaultOf(error: unknown): DatabaseFault | undefined {
  const state = sqlStateOf(error);
  if (state !== undefined) {
    return faultsByState.find(([pattern]) => pattern.test(state))?.[1];
  }
  if (anyCause(error, (cause) => noFreeConnection.test(textOf(cause, "message") ?? ""))) {
    return "database.busy";
  }
  return anyCause(error, isLostConnection) ? "database.unavailable" : undefined;
}

/** True when PostgreSQL can't be reached, has just cut the connection, or has none to spare: trying again later may help. */
export function isDatabaseUnavailable(error: unknown): boolean {
  const fault = databaseFaultOf(error);
  return fault === "database.unavailable" || fault === "database.busy";
}

/**
 * True when the connection that gave the error must not be used again: it may be broken, may still wait for an answer, or belongs
 * to a server that is no longer the one to write to.
 */
export function spoilsConnection(error: unknown): boolean {
  const fault = databaseFaultOf(error);
  return fault === "database.unavailable" || fault === "database.read_only";
}

const transientStates = new Set(["40001", "40P01"]);

/** True for a serialization failure or a deadlock: the same again may go through. */
export const isTransient = (error: unknown): boolean => transientStates.has(sqlStateOf(error) ?? "");
