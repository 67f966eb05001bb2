import type { FastifyInstance, FastifyRequest } from "fastify";

export interface SecureTransportOptions {
  /** The address people use; undefined when it is the one the server listens on. */
  publicUrl: string | undefined;
  /** Whether somebody is trusted to tell how a request reached him. */
  hasTrustedProxies: boolean;
}

/** How long browsers keep to https: two years. */
const strictTransportSecurity = "max-age=63072000";

declare module "fastify" {
  interface FastifyRequest {
    /** It reached us, or the proxy in front of us, over TLS. */
    isSecure: boolean;
  }
}

/**
 * Tells of each request whether it came over TLS, and keeps browsers to it: `Strict-Transport-Security` on every answer that goes back
 * over TLS and on no other, and `Secure` on every cookie that is set there.
 */
export function registerSecureTransport(app: FastifyInstance, options: SecureTransportOptions): void {
  const isSecure = securityOf(options);
  app.decorateRequest("isSecure", false);
  app.addHook("onRequest", async (request, reply) => {
    request.isSecure = isSecure(request);
    if (request.isSecure) void reply.header("strict-transport-security", strictTransportSecurity);
  });
  app.addHook("onSend", async (request, reply) => {
    const cookies = reply.getHeader("set-cookie");
    if (!request.isSecure || cookies === undefined) return;
    reply.removeHeader("set-cookie");
    void reply.header("set-cookie", [cookies].flat().map(secureCookie));
  });
}

const secureCookie = (cookie: unknown): string =>
  /;\s*secure\s*(;|$)/i.test(String(cookie)) ? String(cookie) : `${String(cookie)}; Secure`;

/**
 * A trusted proxy says it in X-Forwarded-Proto, and Fastify believes nobody else. Where no proxy is named, a request for the public
 * address is as secure as that address: whoever answers there passed it on.
 */
function securityOf({ publicUrl, hasTrustedProxies }: SecureTransportOptions) {
  const secureHost =
    hasTrustedProxies || !publicUrl?.startsWith("https:") ? undefined : new URL(publicUrl).host;
  return ({ protocol, headers }: FastifyRequest): boolean =>
    protocol === "https" || (secureHost !== undefined && headers.host === secureHost);
}
