import type { EndpointShape } from "@agentvine/contracts";

/** What a request of an endpoint is made of. */
export interface RequestInput {
  params?: Record<string, unknown>;
  query?: Record<string, unknown>;
  body?: unknown;
  /** The local user's unless told. */
  token?: string;
}

/** The endpoint's own example. */
export const exampleOf = (endpoint: EndpointShape): RequestInput => (endpoint.example ?? {}) as RequestInput;

/** The body of the endpoint's example with a change. */
export const withBody = (endpoint: EndpointShape, change: object): RequestInput["body"] => ({
  ...(exampleOf(endpoint).body as object),
  ...change,
});
