import type { z } from "zod";
import type { Permission } from "../vocabulary.ts";

/** The shape of one route. The backend registers it, the client calls it, OpenAPI describes it: one truth for all three. */
export interface EndpointShape {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** With `:name` for path parameters. */
  readonly path: string;
  readonly permission: Permission;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  readonly params?: z.ZodType;
  readonly query?: z.ZodType;
  /** JSON body. */
  readonly body?: z.ZodType;
  /** Raw body instead of JSON, with its largest size in bytes. */
  readonly rawBodyBytesMax?: number;
  /** Largest JSON body in bytes; 1 MiB unless told. */
  readonly bodyBytesMax?: number;
  /** JSON response; null when the answer has no body or is no JSON. */
  readonly response: z.ZodType | null;
  /** Status of success. */
  readonly status: 200 | 201 | 202 | 204 | 303;
  /** Also answers 204 when there is nothing (claim). */
  readonly isEmptyAllowed?: boolean;
  /** Content type of a response that is no JSON. */
  readonly responseType?: string;
  /** Counted apart from everything else, by address and strictly: what tries a password, a code or a link, and test notices. */
  readonly rateClass?: "credentials";
  /** Who asks is told by this cookie instead of a token; for the routes that renew or end a login. */
  readonly cookie?: "agentvine_refresh";
  /** Never refused for being asked too often: whoever watches the process asks it. */
  readonly isUnlimited?: boolean;
  /** Takes an Idempotency-Key: a repeat gets the stored answer. */
  readonly isIdempotent?: boolean;
  /** Example values, checked against the schemas by a test and shown by the documentation. */
  readonly example?: EndpointExample;
}

export interface EndpointExample {
  readonly params?: unknown;
  readonly query?: unknown;
  readonly body?: unknown;
  readonly response?: unknown;
}

/** Declares a route and keeps its exact types. */
export const defineEndpoint = <const E extends EndpointShape>(endpoint: E): E => endpoint;

type Parsed<T> = T extends z.ZodType ? z.output<T> : undefined;
type Given<T> = T extends z.ZodType ? z.input<T> : undefined;

/** What a handler receives after validation. */
export type EndpointParams<E extends EndpointShape> = Parsed<E["params"]>;
export type EndpointQuery<E extends EndpointShape> = Parsed<E["query"]>;
export type EndpointBody<E extends EndpointShape> = Parsed<E["body"]>;
/** What a caller passes before defaults are filled in. */
export type EndpointParamsInput<E extends EndpointShape> = Given<E["params"]>;
export type EndpointQueryInput<E extends EndpointShape> = Given<E["query"]>;
export type EndpointBodyInput<E extends EndpointShape> = Given<E["body"]>;
/** What comes back. */
export type EndpointResponse<E extends EndpointShape> = E["response"] extends z.ZodType
  ? z.output<E["response"]>
  : undefined;
