import type { ErrorCode, ErrorResponse } from "@agentvine/contracts";
import { AppError, coerceError } from "@agentvine/kit";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { type DatabaseFault, databaseFaultOf, sqlStateOf } from "../database/database-error.ts";

const codeOf = (error: Error): string =>
  "code" in error && typeof error.code === "string" ? error.code : "";

// What Fastify itself refuses, before a handler is reached.
const frameworkErrors: Record<string, [ErrorCode, string]> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [
    "request.unsupported_media_type",
    "Only JSON is taken here: send Content-Type: application/json.",
  ],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ["request.malformed", "The body and its Content-Length differ."],
  FST_ERR_BAD_URL: ["route.not_found", "The address can't be decoded."],
  FST_ERR_MAX_PARAM_LENGTH: ["route.not_found", "A part of the path is too long."],
};

/** Whatever was thrown, as the error the client gets to see. The original stays its cause, for the log. */
function toAppError(value: unknown): AppError {
  if (value instanceof AppError) {
    return value;
  }
  const error = coerceError(value);
  const [code, message] = frameworkErrors[codeOf(error)] ?? [];
  if (code !== undefined && message !== undefined) {
    return new AppError(code, message, { cause: error });
  }
  if (codeOf(error) === "FST_ERR_CTP_BODY_TOO_LARGE") {
    return new AppError("request.too_large", "The body is larger than this route takes.", { cause: error });
  }
  return databaseError(error) ?? unexpected(error);
}

const faultMessages: Record<DatabaseFault, string> = {
  "database.unavailable": "The database can't be reached right now.",
  "database.busy": "The database is too busy right now: no connection or row was free in time.",
  "database.read_only": "The database takes no changes right now: it is read-only.",
  "storage.full": "The disk of the database is full.",
  "request.timeout": "The database took too long to answer.",
};

function databaseError(error: Error): AppError | undefined {
  const fault = databaseFaultOf(error);
  if (fault !== undefined) {
    return new AppError(fault, faultMessages[fault], { cause: error });
  }
  if (codeOf(error) === "ENOSPC" || codeOf(error) === "EDQUOT") {
    return new AppError("storage.full", "The disk is full.", { cause: error });
  }
  switch (sqlStateOf(error)) {
    case "22021":
    case "22P05":
      return new AppError("request.invalid", "A text holds a NUL character: leave it out.", { cause: error });
    case "23503":
      return new AppError("task.conflict", "Something it refers to was deleted meanwhile.", { cause: error });
    case "40001":
    case "40P01":
      return new AppError("task.conflict", "Too many changed the same at once: try again.", { cause: error });
    default:
      break;
  }
  // Class 22: a number out of range, half a character, a moment that no calendar knows.
  return /^22/.test(sqlStateOf(error) ?? "")
    ? new AppError("request.invalid", "A value can't be stored as it is.", { cause: error })
    : undefined;
}

const unexpected = (error: Error): AppError =>
  new AppError("internal.unexpected", "Something went wrong inside. Report it with the request id.", {
    cause: error,
  });

const retryAfterSecondsDefault = 2;

/** Seconds after which the client should try again; undefined when that would not help. */
function retryAfterSeconds(error: AppError): number | undefined {
  if (!error.retryable) {
    return undefined;
  }
  const told = error.data?.retryAfterSeconds;
  return typeof told === "number" ? told : error.status >= 429 ? retryAfterSecondsDefault : 1;
}

/** The body of a refused request. */
export function errorBody(error: AppError, requestId: string): ErrorResponse {
  return {
    error: {
      code: error.code,
      message: error.message,
      requestId,
      ...(error.issues === undefined ? {} : { issues: error.issues }),
      ...(error.data === undefined ? {} : { data: error.data }),
    },
  };
}

/** Answers a request with an error. */
export function sendError(value: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const error = toAppError(value);
  if (error.status >= 500) {
    const level = error.kind === "internal" ? "error" : "warn";
    request.log[level]({ err: error.cause ?? error, code: error.code, detail: error.detail }, error.message);
  }
  const seconds = retryAfterSeconds(error);
  if (seconds !== undefined) {
    void reply.header("retry-after", String(seconds));
  }
  if (error.kind === "too_large") {
    // Fastify would close the connection, and who is still sending would see it break instead of this answer. What still comes is
    // thrown away, for as long as a request may take.
    void reply.removeHeader("connection");
    request.raw.resume();
  }
  if (error.kind === "unauthenticated") {
    void reply.header("www-authenticate", 'Bearer realm="agentvine"');
  }
  void reply
    .code(error.status)
    .type("application/json; charset=utf-8")
    .send(JSON.stringify(errorBody(error, request.id)));
}

/** Every error leaves in one shape; a stack never does. */
export function registerErrorHandler(app: FastifyInstance): void {
  app.setErrorHandler((error, request, reply) => sendError(error, request, reply));
  app.setNotFoundHandler((request, reply) =>
    sendError(
      new AppError(
        "route.not_found",
        `There is no ${request.method} ${request.url.split("?")[0]}. See /docs.`,
      ),
      request,
      reply,
    ),
  );
}
