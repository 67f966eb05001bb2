import { isApiError } from "@agentvine/client";
import { type ErrorKind, errorCatalog } from "@agentvine/contracts";
import { isAppError } from "@agentvine/kit";

/** What an exit code of the command line means. */
export const exitCodes = {
  ok: 0,
  /** The command ran and the answer is no: a task failed, a check did not hold, something went wrong inside. */
  failed: 1,
  /** The command line itself, or a value in it, is not valid. */
  usage: 2,
  /** The backend can't be reached or can't answer now; trying again may help. */
  unavailable: 3,
  /** What was named does not exist. */
  notFound: 4,
  /** The state of the thing does not allow it. */
  conflict: 5,
  /** Not allowed. */
  forbidden: 6,
  /** Ended by Ctrl-C. */
  interrupted: 130,
} as const;

const codeOfKind: Record<ErrorKind, number> = {
  invalid: exitCodes.usage,
  unauthenticated: exitCodes.forbidden,
  forbidden: exitCodes.forbidden,
  not_found: exitCodes.notFound,
  conflict: exitCodes.conflict,
  too_large: exitCodes.usage,
  out_of_range: exitCodes.failed,
  limited: exitCodes.unavailable,
  internal: exitCodes.failed,
  unavailable: exitCodes.unavailable,
};

/** The exit code an error leads to. */
export const exitCodeOf = (error: unknown): number =>
  isApiError(error) || isAppError(error) ? codeOfKind[errorCatalog[error.code].kind] : exitCodes.failed;

/** `agentvine: <message> (code)`, with the fields at fault on lines of their own. Never a stack. */
export const errorText = (error: unknown): string => {
  if (!(isApiError(error) || isAppError(error))) {
    const message = error instanceof Error ? error.message : String(error);
    return `agentvine: ${message} (internal.unexpected)`;
  }
  const issues = (error.issues ?? []).map(
    (issue) => `  ${issue.path === "" ? "body" : issue.path}: ${issue.message}`,
  );
  const remedy = error.code === "internal.unexpected" ? [] : [`  → ${errorCatalog[error.code].remedy}`];
  return [
    `agentvine: ${error.message} (${error.code})`,
    ...issues,
    ...(issues.length > 0 ? [] : remedy),
  ].join("\n");
};
