import { AppError, type Logger, newId } from "@agentvine/kit";
import helmet from "@fastify/helmet";
import { type FastifyBaseLogger, type FastifyInstance, fastify, LogController } from "fastify";
import { errorBody, registerErrorHandler, sendError } from "./error-handler.ts";
import { registerHostGuard } from "./host-guard.ts";
import type { HttpContext } from "./http-context.ts";
import { registerJsonBody } from "./json-body.ts";
import type { LagMeter } from "./lag-meter.ts";
import { registerLoadShedding } from "./load-shedding.ts";
import { registerRequestContext, requestIdOf } from "./request-context.ts";

export interface ServerOptions extends Omit<HttpContext, "openRequests"> {
  logger: Logger;
  /** Names by which this server may be called, besides numbers and localhost. */
  allowedHosts: readonly string[];
  /** While it says so, most requests are refused. */
  lag: Pick<LagMeter, "isOverloaded">;
}

const bodyBytesMax = 1_048_576;
/** A request that has not arrived completely by then is dropped; an artifact of 1 GiB gets through at 2 MB/s. */
const requestTimeoutMs = 600_000;
/** How long requests under way may take to end once the server stops. */
const stopGraceMs = 3_000;

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

/** A Fastify server with everything that holds for all routes, and no route yet. */
export async function createServer(options: ServerOptions): Promise<FastifyInstance> {
  const { logger, allowedHosts, authenticate, idempotency, rateLimits } = options;
  // Typed as the base logger, or every signature would name pino.
  const loggerInstance: FastifyBaseLogger = logger;
  const app: FastifyInstance = fastify({
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
    frameworkErrors: sendError,
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
  });
  const openRequests = new Set<AbortController>();
  app.decorate("http", { authenticate, idempotency, rateLimits, openRequests });
  registerRequestContext(app);
  registerErrorHandler(app);
  registerLoadShedding(app, options.lag);
  registerHostGuard(app, allowedHosts);
  registerJsonBody(app);
  await app.register(helmet, {
    contentSecurityPolicy,
    // Set by whoever terminates TLS; wrong on plain local addresses.
    strictTransportSecurity: false,
    crossOriginEmbedderPolicy: false,
    referrerPolicy: { policy: "no-referrer" },
  });
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
