import type { EndpointShape } from "@agentvine/contracts";
import { attemptPermissions, userPermissions } from "../actor.ts";

/** How a caller may show who it is, as OpenAPI has it. */
const schemes = {
  accessToken: {
    type: "http",
    scheme: "bearer",
    description: "The token of a person: what lies in the token file, or what a login gave.",
  },
  browserSession: {
    type: "apiKey",
    in: "cookie",
    name: "agentvine_session",
    description: "A browser that came by a one-time link.",
  },
  apiKey: {
    type: "http",
    scheme: "bearer",
    bearerFormat: "avk_…",
    description: "The key of a machine, with the permissions it was made with.",
  },
  attemptToken: {
    type: "http",
    scheme: "bearer",
    bearerFormat: "avt_…",
    description: "The token of one attempt at one work order, for as long as it holds the lease.",
  },
  refreshCookie: {
    type: "apiKey",
    in: "cookie",
    name: "agentvine_refresh",
    description: "What a browser keeps of a login, to get access tokens with.",
  },
} as const;

type SchemeName = keyof typeof schemes;
type Requirement = Partial<Record<SchemeName, never[]>>;

/** The ways to be let in at an endpoint, of which one is enough; none where nobody is asked. */
export function securityOf({ permission, cookie }: EndpointShape): Requirement[] {
  // Programs send in the body what browsers send in the cookie.
  if (permission === "public") return cookie === undefined ? [] : [{ refreshCookie: [] }, {}];
  const isForPeople = userPermissions.includes(permission);
  return [
    // Whatever a person may do, a key may be made for.
    ...(isForPeople ? [{ accessToken: [] }, { browserSession: [] }, { apiKey: [] }] : []),
    ...(attemptPermissions.includes(permission) ? [{ attemptToken: [] }] : []),
  ];
}

/** The description of the schemes that these endpoints ask for. */
export function schemesOf(endpoints: readonly EndpointShape[]): Record<string, object> {
  const named = new Set(endpoints.flatMap((endpoint) => securityOf(endpoint).flatMap(Object.keys)));
  return Object.fromEntries(Object.entries(schemes).filter(([name]) => named.has(name)));
}
