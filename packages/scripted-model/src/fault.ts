import type { Reply } from "./script.ts";

/** Something that goes wrong with one request. */
export type Fault =
  /** An HTTP error as the real API reports it. */
  | {
      readonly kind: "status";
      readonly status: number;
      readonly message?: string;
      readonly retryAfterSeconds?: number;
    }
  /** The connection breaks in the middle of the answer. */
  | { readonly kind: "disconnect" }
  /** The answer begins and never goes on. */
  | { readonly kind: "stall" }
  /** An error event in the middle of a stream that began with 200. */
  | { readonly kind: "stream_error" }
  /** Another answer than the scenario's. */
  | { readonly kind: "reply"; readonly reply: Reply };

const errorTypes: Readonly<Record<number, string>> = {
  400: "invalid_request_error",
  401: "authentication_error",
  403: "permission_error",
  404: "not_found_error",
  413: "request_too_large",
  429: "rate_limit_error",
  529: "overloaded_error",
};

/** The `error.type` the Messages API uses for a status. */
export const errorTypeOf = (status: number): string => errorTypes[status] ?? "api_error";
