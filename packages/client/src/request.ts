import type { EndpointShape } from "@agentvine/contracts";

type QueryValue = string | number | boolean | readonly (string | number)[] | null | undefined;

/** Fills the `:name` parts of an endpoint's path. */
const fillPath = (path: string, params: Readonly<Record<string, unknown>> = {}): string =>
  path.replace(/:([a-zA-Z]+)/g, (_, name: string) => {
    const value = params[name];
    if (value === undefined) throw new TypeError(`path parameter ${name} is missing`);
    return encodeURIComponent(String(value));
  });

/** Query string of the given values; lists are joined by commas, undefined and null are left out. */
const queryString = (query: Readonly<Record<string, unknown>> = {}): string => {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query) as [string, QueryValue][]) {
    if (value === undefined || value === null) continue;
    search.set(name, Array.isArray(value) ? value.join(",") : String(value));
  }
  const text = search.toString();
  return text === "" ? "" : `?${text}`;
};

/** Address of a call. */
export const urlOf = (
  baseUrl: string,
  endpoint: EndpointShape,
  input: { params?: unknown; query?: unknown },
): string =>
  `${baseUrl.replace(/\/+$/, "")}${fillPath(endpoint.path, input.params as Record<string, unknown>)}${queryString(
    input.query as Record<string, unknown>,
  )}`;
