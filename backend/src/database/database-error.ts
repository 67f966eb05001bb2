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
  /Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|Client was closed|Cannot use a pool after calling end/;

/** True when PostgreSQL can't be reached or has just cut the connection: trying again later may help. */
export function isDatabaseUnavailable(error: unknown): boolean {
  const state = sqlStateOf(error);
  if (state !== undefined) {
    // 08: connection, 57P: shutdown or crash, 53300: too many connections.
    return state.startsWith("08") || state.startsWith("57P") || state === "53300";
  }
  for (const cause of causesOf(error)) {
    if (textOf(cause, "syscall") === "connect" && networkCodes.has(textOf(cause, "code") ?? "")) {
      return true;
    }
    const message = textOf(cause, "message") ?? "";
    if (lostConnection.test(message)) {
      return true;
    }
    if (cause instanceof AggregateError && cause.errors.some(isDatabaseUnavailable)) {
      return true;
    }
  }
  return false;
}

/** True when PostgreSQL reports that its disk is full. */
export const isDiskFull = (error: unknown): boolean => sqlStateOf(error) === "53100";
