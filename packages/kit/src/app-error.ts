import { type ErrorCode, errorCatalog, errorKinds } from "@agentvine/contracts";

type ErrorEntry = (typeof errorCatalog)[ErrorCode];

/** A problem with one field of the input; `path` is dotted (`labels.0`). */
export interface ErrorIssue {
  path: string;
  message: string;
}

export interface AppErrorOptions {
  /** For operators and logs; never sent to a client. */
  detail?: string;
  cause?: unknown;
  issues?: ErrorIssue[];
  /** Machine-readable facts that a client may see, for example the current state of a resource. */
  data?: Record<string, unknown>;
}

/**
 * The one error of AgentVine. It has three audiences: programs read `code` (and `retryable`), people read
 * `message`, operators read `detail` and `cause` in the log.
 */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly kind: ErrorEntry["kind"];
  /** The HTTP status that goes with `kind`. */
  readonly status: number;
  readonly retryable: boolean;
  readonly detail: string | undefined;
  readonly issues: ErrorIssue[] | undefined;
  readonly data: Record<string, unknown> | undefined;

  /** @param message public: it is shown to whoever made the request. */
  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    const entry: ErrorEntry = errorCatalog[code];
    this.name = "AppError";
    this.code = code;
    this.kind = entry.kind;
    this.status = errorKinds[entry.kind];
    this.retryable = entry.retryable;
    this.detail = options.detail;
    this.issues = options.issues;
    this.data = options.data;
  }
}

/** True for an AppError, and when `code` is given only for that code. */
export function isAppError(value: unknown, code?: ErrorCode): value is AppError {
  return value instanceof AppError && (code === undefined || value.code === code);
}

/** Turns whatever was thrown into an Error; a value that is no Error is kept as its `cause`. */
export function coerceError(value: unknown): Error {
  if (value instanceof Error) {
    return value;
  }
  return new Error(describeThrown(value), { cause: value });
}

function describeThrown(value: unknown): string {
  if (typeof value === "string") {
    return value;
  }
  if (
    typeof value === "object" &&
    value !== null &&
    "message" in value &&
    typeof value.message === "string"
  ) {
    return value.message;
  }
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}
