import type { IncomingMessage, ServerResponse } from "node:http";
import type { FastifyInstance } from "fastify";
import helmet from "helmet";

// Scripts and styles of our own address only; nothing inline, nothing from elsewhere.
const contentSecurityPolicy = {
  useDefaults: false,
  directives: {
    defaultSrc: ["'none'"],
    scriptSrc: ["'self'"],
    styleSrc: ["'self'"],
    imgSrc: ["'self'", "data:"],
    fontSrc: ["'self'"],
    connectSrc: ["'self'"],
    formAction: ["'self'"],
    baseUri: ["'none'"],
    frameAncestors: ["'none'"],
  },
};

const apply = helmet({
  contentSecurityPolicy,
  // Set where a request came over TLS, and only there.
  strictTransportSecurity: false,
  crossOriginEmbedderPolicy: false,
  // As the policy above has it, for browsers that do not know that.
  xFrameOptions: { action: "deny" },
  referrerPolicy: { policy: "no-referrer" },
});

/** Sets the headers that tell browsers what an answer of ours may do. */
export function setSecurityHeaders(request: IncomingMessage, response: ServerResponse): void {
  apply(request, response, () => {});
}

/** Sets them on every answer, also of what later hooks refuse. */
export function registerSecurityHeaders(app: FastifyInstance): void {
  app.addHook("onRequest", async (request, reply) => setSecurityHeaders(request.raw, reply.raw));
}
