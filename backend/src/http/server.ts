import { Server as TlsServer } from "node:tls";
import { AppError, type Logger, newId } from "@agentvine/kit";
import { type FastifyBaseLogger, type FastifyInstance, fastify, LogController } from "fastify";
import { registerCrossOrigin } from "./cross-origin.ts";
import { errorBody, registerErrorHandler, sendError } from "./error-handler.ts";
import { registerHostGuard, type Welcome } from "./host-guard.ts";
import type { HttpContext } from "./http-context.ts";
import { registerJsonBody } from "./json-body.ts";
import type { LagMeter } from "./lag-meter.ts";
import { registerLoadShedding } from "./load-shedding.ts";
import { registerRequestContext, requestIdOf } from "./request-context.ts";
import { registerSecureTransport } from "./secure-transport.ts";
import { registerSecurityHeaders, setSecurityHeaders } from "./security-headers.ts";
import type { ServerTls } from "./server-tls.ts";

export interface ServerOptions extends Omit<HttpContext, "openRequests"> {
  logger: Logger;
  welcome: Welcome;
  /** Addresses and networks of the proxies whose X-Forwarded-… headers count. */
  trustedProxies: readonly string[];
  publicUrl: string | undefined;
  /** Undefined: plain http. */
  tls: ServerTls | undefined;
  /** While it says so, most requests are refused. */
  lag: Pick<LagMeter, "isOverloaded">;
}

const bodyBytesMax = 1_048_576;
/** A request that has not arrived completely by then is dropped; an artifact of 1 GiB gets through at 2 MB/s. */
const requestTimeoutMs = 600_000;
/** How long requests under way may take to end once the server stops. */
const stopGraceMs = 3_000;

/** What Fastify refuses before any hook runs, an address that can't be decoded, leaves with the same headers as everything else. */
const sendFrameworkError: typeof sendError = (error, request, reply) => {
  setSecurityHeaders(request.raw, reply.raw);
  void reply.header("x-request-id", request.id);
  sendError(error, request, reply);
};

/** A Fastify server with everything that holds for all routes, and no route yet. */
export async function createServer(options: ServerOptions): Promise<FastifyInstance> {
  const { logger, trustedProxies, tls, authenticate, idempotency, rateLimits } = options;
  // Typed as the base logger, or every signature would name pino.
  const loggerInstance: FastifyBaseLogger = logger;
  // Over TLS the server is of another class with the same methods; no route needs to know.
  const app = fastify({
    https: tls === undefined ? null : tls.options(),
    trustProxy: trustedProxies.length === 0 ? false : [...trustedProxies],
    loggerInstance,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: "requestId" }),
    requestIdHeader: false,
    genReqId: requestIdOf,
    bodyLimit: bodyBytesMax,
    requestTimeout: requestTimeoutMs,
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: 200 },
    // While stopping, what comes in over a kept connection is told so by our own handlers.
    return503OnClosing: false,
    forceCloseConnections: "idle",
    frameworkErrors: sendFrameworkError,
    clientErrorHandler(_error, socket) {
      const body = JSON.stringify(
        errorBody(new AppError("request.malformed", "This is no HTTP request."), newId()),
      );
      if (socket.writable) {
        socket.end(
          `HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
        );
      }
    },
  }) as unknown as FastifyInstance;
  if (tls !== undefined && app.server instanceof TlsServer) tls.follow(app.server);
  const openRequests = new Set<AbortController>();
  app.decorate("http", { authenticate, idempotency, rateLimits, openRequests });
  registerRequestContext(app);
  registerErrorHandler(app);
  // Before whatever may refuse a request: refusals carry these headers too.
  registerSecurityHeaders(app);
  registerSecureTransport(app, {
    publicUrl: options.publicUrl,
    hasTrustedProxies: trustedProxies.length > 0,
  });
  registerHostGuard(app, options.welcome);
  await registerCrossOrigin(app, options.welcome.origins);
  registerLoadShedding(app, options.lag);
  registerJsonBody(app);
  app.addHook("preClose", async () => {
    // Whoever neither finishes a request nor reads an answer does not keep the server from stopping.
    const timer = setTimeout(() => app.server.closeAllConnections(), stopGraceMs).unref();
    // A kept connection is idle only after its last answer, which may be later than the first look.
    const sweep = setInterval(() => app.server.closeIdleConnections(), 25).unref();
    app.server.once("close", () => {
      clearTimeout(timer);
      clearInterval(sweep);
    });
    const reason = new AppError("server.stopping", "The server is stopping: try again in a moment.");
    for (const controller of openRequests) {
      controller.abort(reason);
    }
  });
  return app;
}
