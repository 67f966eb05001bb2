import type { IncomingMessage } from "node:http";
import { newId } from "@agentvine/kit";
import type { FastifyInstance } from "fastify";
import { anonymous } from "../actor.ts";

const idPattern = /^[\w.:/-]{1,128}$/;

const given = (header: string | string[] | undefined): string | undefined =>
  typeof header === "string" && idPattern.test(header) ? header : undefined;

/** The id a caller sent, else a new one. */
export const requestIdOf = (request: Pick<IncomingMessage, "headers">): string =>
  given(request.headers["x-request-id"]) ?? newId();

/**
 * Gives every request its ids: `X-Request-Id` names this request and goes back with the response; `X-Correlation-Id` (the request
 * id unless told) follows the work. Both stand in every log line once it is known who asks.
 */
export function registerRequestContext(app: FastifyInstance): void {
  app.decorateRequest("correlationId", "");
  app.decorateRequest("actor");
  app.addHook("onRequest", async (request, reply) => {
    request.actor = anonymous;
    request.correlationId = given(request.headers["x-correlation-id"]) ?? request.id;
    void reply.header("x-request-id", request.id);
  });
  app.addHook("onResponse", async (request, reply) => {
    const level = reply.statusCode >= 500 ? "warn" : request.url.startsWith("/health") ? "debug" : "info";
    request.log[level](
      {
        ...(request.actor === anonymous ? { correlationId: request.correlationId } : {}),
        method: request.method,
        // Never with the query: it may hold the code of a one-time link.
        path: request.url.split("?")[0],
        status: reply.statusCode,
        durationMs: Math.round(reply.elapsedTime),
      },
      "request",
    );
  });
}
