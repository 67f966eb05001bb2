import {
  type ErrorCode,
  errorCatalog,
  errorKinds,
  errorResponseSchema,
  type Issue,
  isErrorCode,
} from "@agentvine/contracts";

export interface ApiErrorOptions {
  readonly status?: number;
  readonly requestId?: string;
  readonly issues?: readonly Issue[];
  readonly data?: Readonly<Record<string, unknown>>;
  /** What the server asked us to wait at least (Retry-After), in milliseconds. */
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

/** A refused or failed call, with the code the backend gave, or one of ours when it could not be reached. */
export class ApiError extends Error {
  readonly code: ErrorCode;
  /** HTTP status; the catalog's when there was no response. */
  readonly status: number;
  readonly retryable: boolean;
  readonly requestId: string | undefined;
  readonly issues: readonly Issue[];
  readonly data: Readonly<Record<string, unknown>>;
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, message: string, options: ApiErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "ApiError";
    this.code = code;
    this.status = options.status ?? errorKinds[errorCatalog[code].kind];
    this.retryable = errorCatalog[code].retryable || this.status === 502 || this.status === 504;
    this.requestId = options.requestId;
    this.issues = options.issues ?? [];
    this.data = options.data ?? {};
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** True for an ApiError, of the given code when one is named. */
export const isApiError = (value: unknown, code?: ErrorCode): value is ApiError =>
  value instanceof ApiError && (code === undefined || value.code === code);

const codeOfStatus = (status: number): ErrorCode => {
  if (status === 401) return "auth.invalid";
  if (status === 403) return "auth.forbidden";
  if (status === 404) return "route.not_found";
  if (status === 429) return "request.rate_limited";
  if (status === 502 || status === 503 || status === 504) return "server.unreachable";
  return status >= 500 ? "internal.unexpected" : "request.invalid";
};

/** Nobody waits longer than a day for a server, whatever it asks. */
const retryAfterMsMax = 86_400_000;

/**
 * Milliseconds of a Retry-After header (seconds or a date), at most a day, or undefined.
 * @param date the response's Date header: a date is a moment on the server's clock, and ours may be an hour off.
 */
export const parseRetryAfterMs = (header: string | null, date: string | null = null): number | undefined => {
  if (header === null || header.trim() === "") return undefined;
  const bounded = (ms: number): number => Math.min(retryAfterMsMax, Math.max(0, ms));
  const seconds = Number(header);
  if (!Number.isNaN(seconds)) return bounded(seconds * 1000);
  const atMs = Date.parse(header);
  const nowMs = date === null ? Number.NaN : Date.parse(date);
  return Number.isNaN(atMs) ? undefined : bounded(atMs - (Number.isNaN(nowMs) ? Date.now() : nowMs));
};

/** Rebuilds the error of a response; a body that is not ours (a proxy's page) still gives a code by its status. */
export const errorOfResponse = async (response: Response): Promise<ApiError> => {
  const text = await response.text().catch(() => "");
  const retryAfterMs = parseRetryAfterMs(response.headers.get("retry-after"), response.headers.get("date"));
  const parsed = errorResponseSchema.safeParse(parseJson(text));
  const shared = {
    status: response.status,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
  if (!parsed.success) {
    // A newer backend may know codes that we don't: its own sentence still reaches the person.
    const foreign = foreignError(parseJson(text));
    return new ApiError(
      codeOfStatus(response.status),
      foreign ?? `the server answered ${response.status}`,
      shared,
    );
  }
  const { code, message, requestId, issues, data } = parsed.data.error;
  return new ApiError(code, message, {
    ...shared,
    requestId,
    ...(issues === undefined ? {} : { issues }),
    ...(data === undefined ? {} : { data }),
  });
};

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // no JSON: the status alone speaks
  }
};

const foreignError = (body: unknown): string | undefined => {
  if (typeof body !== "object" || body === null || !("error" in body)) return undefined;
  const { error } = body;
  if (
    typeof error !== "object" ||
    error === null ||
    !("message" in error) ||
    typeof error.message !== "string"
  )
    return undefined;
  const code =
    "code" in error && typeof error.code === "string" && !isErrorCode(error.code) ? ` (${error.code})` : "";
  return `${error.message}${code}`;
};
