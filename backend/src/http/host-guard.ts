import type { IncomingHttpHeaders } from "node:http";
import { isIP } from "node:net";
import { AppError } from "@agentvine/kit";
import type { FastifyInstance } from "fastify";

/**
 * Refuses requests that a foreign web page makes a browser send. A page that rebinds its own name to this machine still sends that name as
 * Host; a page that posts across origins sends its Origin. Addresses given as numbers can't be rebound.
 */
export function registerHostGuard(app: FastifyInstance, allowedHosts: readonly string[]): void {
  app.addHook("onRequest", async (request) => {
    const refusal = refusalOf(request.headers, allowedHosts);
    if (refusal !== undefined) throw refusal;
    if (request.headers["sec-fetch-site"] === "cross-site" && request.method !== "GET") {
      throw refused("Requests from other web pages are refused.");
    }
  });
}

/** Why a request with this Host and Origin is refused; undefined when it is not. */
export function refusalOf(
  { host, origin }: IncomingHttpHeaders,
  allowedHosts: readonly string[],
): AppError | undefined {
  if (!isAllowedHost(host, allowedHosts)) {
    return refused(`The Host ${JSON.stringify(host ?? "")} is not one of this server's names.`);
  }
  return origin !== undefined && !isAllowedOrigin(origin, host, allowedHosts)
    ? refused("Requests from other web pages are refused.")
    : undefined;
}

const refused = (message: string): AppError =>
  new AppError(
    "request.origin_refused",
    `${message} Use the address the backend printed, or allow the name with AGENTVINE_ALLOWED_HOSTS.`,
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

function isAllowedHost(host: string | undefined, allowedHosts: readonly string[]): boolean {
  const hostname = hostnameOf(host);
  if (hostname === undefined) {
    return false;
  }
  const isNumber = isIP(hostname.replace(/^\[|\]$/g, "")) !== 0;
  return isNumber || hostname === "localhost" || allowedHosts.includes(hostname);
}

function isAllowedOrigin(origin: string, host: string | undefined, allowedHosts: readonly string[]): boolean {
  // A sandboxed page or a file sends "null".
  if (!URL.canParse(origin)) {
    return false;
  }
  const { host: originHost, hostname } = new URL(origin);
  return originHost === host || allowedHosts.includes(hostname);
}
