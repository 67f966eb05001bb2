import type { IncomingHttpHeaders } from "node:http";
import { isIP } from "node:net";
import { AppError } from "@agentvine/kit";
import type { FastifyInstance } from "fastify";

/**
 * Refuses requests that a foreign web page makes a browser send. A page that rebinds its own name to this machine still sends that name as
 * Host; a page that posts across origins sends its Origin. Addresses given as numbers can't be rebound.
 */
export function registerHostGuard(app: FastifyInstance, welcome: Welcome): void {
  app.addHook("onRequest", async (request) => {
    const { headers, method } = request;
    const refusal = refusalOf(headers, welcome);
    if (refusal !== undefined) throw refusal;
    const isForeign = headers["sec-fetch-site"] === "cross-site" && method !== "GET";
    if (isForeign && !welcome.origins.includes(headers.origin ?? "")) {
      throw refused("Requests from other web pages are refused.");
    }
  });
}

/** What the configuration says of it. */
export const welcomeOf = (config: {
  allowedHosts: readonly string[];
  corsOrigins: readonly string[];
}): Welcome => ({
  hosts: config.allowedHosts,
  origins: config.corsOrigins,
});

/** Who may be asked for, and who may ask. */
export interface Welcome {
  /** Names by which this server may be called, besides numbers and localhost. */
  hosts: readonly string[];
  /** Origins of other web pages that may call it. */
  origins: readonly string[];
}

/** Why a request with this Host and Origin is refused; undefined when it is not. */
export function refusalOf(
  { host, origin }: IncomingHttpHeaders,
  { hosts, origins }: Welcome,
): AppError | undefined {
  if (!isAllowedHost(host, hosts)) {
    return refused(`The Host ${JSON.stringify(host ?? "")} is not one of this server's names.`);
  }
  return origin === undefined || origins.includes(origin) || isAllowedOrigin(origin, host, hosts)
    ? undefined
    : refused("Requests from other web pages are refused.");
}

const refused = (message: string): AppError =>
  new AppError(
    "request.origin_refused",
    `${message} Use the address the backend printed, or allow the name with AGENTVINE_ALLOWED_HOSTS, a page with AGENTVINE_CORS_ORIGINS.`,
  );

function hostnameOf(host: string | undefined): string | undefined {
  if (host === undefined || host === "" || /[\s/\\@?#]/.test(host)) {
    return undefined;
  }
  try {
    return new URL(`http://${host}`).hostname;
  } catch {
    return undefined;
  }
}

function isAllowedHost(host: string | undefined, hosts: readonly string[]): boolean {
  const hostname = hostnameOf(host);
  if (hostname === undefined) {
    return false;
  }
  const isNumber = isIP(hostname.replace(/^\[|\]$/g, "")) !== 0;
  return isNumber || hostname === "localhost" || hosts.includes(hostname);
}

function isAllowedOrigin(origin: string, host: string | undefined, hosts: readonly string[]): boolean {
  // A sandboxed page or a file sends "null".
  if (!URL.canParse(origin)) {
    return false;
  }
  const { host: originHost, hostname } = new URL(origin);
  return originHost === host || hosts.includes(hostname);
}
