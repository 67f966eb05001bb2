import type { Readable } from "node:stream";
import type {
  EndpointBody,
  EndpointParams,
  EndpointQuery,
  EndpointShape,
  Permission,
} from "@agentvine/contracts";
import { AppError, isAppError, newId } from "@agentvine/kit";
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from "fastify";
import type { z } from "zod";
import type { Actor } from "../actor.ts";
import { causedBy, type Origin } from "../origin.ts";
import "./http-context.ts";
import { addressOf, callerOf, rateClassOf } from "./rate-limits.ts";
import { limitBytes, registerRawBody } from "./raw-body.ts";
import { describeIssues, summarizeIssues } from "./request-issues.ts";

/** What a handler gets: parsed input, who asks, and when to stop. */
export interface RouteInput<E extends EndpointShape> {
  actor: Actor;
  params: EndpointParams<E>;
  query: EndpointQuery<E>;
  body: EndpointBody<E>;
  /** The bytes of the body, for endpoints that take them raw; limited to the endpoint's size. */
  rawBody: E["rawBodyBytesMax"] extends number ? Readable : undefined;
  /** Aborted when the client goes away, or (reason `server.stopping`) when the server stops. Long polls must heed it. */
  signal: AbortSignal;
  /** As the client sent it. Endpoints with `isIdempotent` need not look at it. */
  idempotencyKey: string | undefined;
  /** Id for what the request creates: with `isIdempotent` the same for every try under its key, else a new one. */
  creationId: string;
  requestId: string;
  correlationId: string;
  request: FastifyRequest;
  reply: FastifyReply;
}

/** What a handler returns. Without a JSON response: the bytes, or nothing after it has hijacked the reply. */
export type RouteResult<E extends EndpointShape> = E["response"] extends z.ZodType
  ? z.input<E["response"]> | (E["isEmptyAllowed"] extends true ? undefined : never)
  : E["responseType"] extends string
    ? Readable | Buffer | string | undefined
    : // biome-ignore lint/suspicious/noConfusingVoidType: it is what an async function without a return gives
      void;

export type RouteHandler<E extends EndpointShape> = (input: RouteInput<E>) => Promise<RouteResult<E>>;

const keyPattern = /^[\x21-\x7e]{1,200}$/;

/**
 * Registers an endpoint of the contracts: checks the permission before the body is read, parses params, query and body, and lets only
 * what the response schema names leave.
 */
export function route<const E extends EndpointShape>(
  app: FastifyInstance,
  endpoint: E,
  handler: RouteHandler<E>,
): void {
  const options: RouteOptions = {
    method: endpoint.method,
    url: endpoint.path,
    ...(endpoint.bodyBytesMax === undefined ? {} : { bodyLimit: endpoint.bodyBytesMax }),
    ...admit(app, endpoint),
    handler: async (request, reply) => {
      const input = readInput(endpoint, request, reply);
      return await withSignal(
        app,
        reply,
        async (signal) =>
          await causedBy(originOf(request), () => answer(app, endpoint, handler, { ...input, signal })),
      );
    },
  };
  if (endpoint.rawBodyBytesMax === undefined) {
    app.route(options);
    return;
  }
  // Its own scope: here bodies are not parsed.
  void app.register(async (scope) => {
    registerRawBody(scope);
    scope.route({ ...options, bodyLimit: endpoint.rawBodyBytesMax ?? 0 });
  });
}

/** Who may come in, and how often: looked at before the body is read, as far as it does not name the worker that is counted. */
function admit(
  app: FastifyInstance,
  endpoint: EndpointShape,
): Pick<RouteOptions, "onRequest" | "preHandler"> {
  const { rateLimits } = app.http;
  const rateClass = rateClassOf(endpoint);
  if (endpoint.permission === "public") {
    return endpoint.isUnlimited === true
      ? {}
      : {
          onRequest: async (request, reply) => {
            await rateLimits.take(rateClass, addressOf(request), reply);
          },
        };
  }
  const count = async (request: FastifyRequest, reply: FastifyReply) => {
    await rateLimits.take(rateClass, callerOf(rateClass, request), reply);
  };
  const isNamedInBody = endpoint.permission === "worker:work" && !endpoint.path.includes("/:workerId");
  return {
    onRequest: async (request, reply) => {
      await identify(app, request, reply);
      if (!isNamedInBody) await count(request, reply);
      requirePermission(request.actor, endpoint.permission);
    },
    ...(isNamedInBody ? { preHandler: count } : {}),
  };
}

/**
 * Finds out who asks. Whoever keeps coming without a valid token is told to wait; a valid one is let in from the same address.
 * @throws AppError `auth.required`, `auth.invalid`, `request.rate_limited`
 */
export async function identify(
  app: FastifyInstance,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  try {
    request.actor = await app.http.authenticate(request.headers);
  } catch (error) {
    if (isAppError(error) && error.kind === "unauthenticated") {
      await app.http.rateLimits.take("refused", addressOf(request), reply);
    }
    throw error;
  }
  const { actor, correlationId } = request;
  request.log = request.log.child({ actor: `${actor.kind}:${actor.id}`, correlationId });
}

/** @throws AppError `auth.forbidden` when the actor may not do this. */
export function requirePermission(actor: Actor, permission: Permission): void {
  if (!actor.permissions.includes(permission)) {
    throw new AppError("auth.forbidden", `This token lacks the permission ${permission}.`, {
      data: { permission },
    });
  }
}

/** What the audit log tells of where a request came from. */
const originOf = ({ actor, ip, headers, id }: FastifyRequest): Origin => ({
  ...{ actor, address: ip, requestId: id },
  userAgent: headers["user-agent"] ?? null,
});

type Input<E extends EndpointShape> = Omit<RouteInput<E>, "signal">;

function readInput<E extends EndpointShape>(
  endpoint: E,
  request: FastifyRequest,
  reply: FastifyReply,
): Input<E> {
  const parts = [
    parsePart(endpoint.params, request.params),
    parsePart(endpoint.query, request.query),
    // An empty body is an object without fields: the issues then name what is missing.
    parsePart(endpoint.body, request.body ?? {}),
  ] as const;
  const issues = parts.flatMap((part) => describeIssues(part.issues));
  const key = request.headers["idempotency-key"];
  if (key !== undefined && (typeof key !== "string" || !keyPattern.test(key))) {
    issues.push({ path: "Idempotency-Key", message: "must hold 1 to 200 visible ASCII characters" });
  }
  if (issues.length > 0) {
    throw new AppError("request.invalid", summarizeIssues(issues), { issues });
  }
  return {
    actor: request.actor,
    params: parts[0].value as EndpointParams<E>,
    query: parts[1].value as EndpointQuery<E>,
    body: parts[2].value as EndpointBody<E>,
    rawBody: rawBodyOf(endpoint, request) as RouteInput<E>["rawBody"],
    idempotencyKey: typeof key === "string" ? key : undefined,
    creationId: newId(),
    requestId: request.id,
    correlationId: request.correlationId,
    request,
    reply,
  };
}

function rawBodyOf(endpoint: EndpointShape, request: FastifyRequest): Readable | undefined {
  if (endpoint.rawBodyBytesMax === undefined) {
    return undefined;
  }
  return limitBytes(request.raw, endpoint.rawBodyBytesMax, Number(request.headers["content-length"] ?? 0));
}

function parsePart(
  schema: z.ZodType | undefined,
  value: unknown,
): { value: unknown; issues: readonly z.core.$ZodIssue[] } {
  if (schema === undefined) {
    return { value: undefined, issues: [] };
  }
  const result = schema.safeParse(value);
  return result.success
    ? { value: result.data, issues: [] }
    : { value: undefined, issues: result.error.issues };
}

/** Runs a handler with a signal that tells it to give up. */
async function withSignal<T>(
  app: FastifyInstance,
  reply: FastifyReply,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const { openRequests } = app.http;
  openRequests.add(controller);
  reply.raw.once("close", () => {
    openRequests.delete(controller);
    if (!reply.raw.writableFinished) {
      controller.abort(new AppError("request.timeout", "The client went away."));
    }
  });
  return await work(controller.signal);
}

async function answer<E extends EndpointShape>(
  app: FastifyInstance,
  endpoint: E,
  handler: RouteHandler<E>,
  input: RouteInput<E>,
): Promise<unknown> {
  const { reply, actor, idempotencyKey } = input;
  void reply.header("cache-control", "no-store");
  if (endpoint.isIdempotent !== true || idempotencyKey === undefined) {
    return send(endpoint, reply, toWire(endpoint, await handler(input)));
  }
  const { response, isRepeat } = await app.http.idempotency.run(
    {
      actor: `${actor.kind}:${actor.id}`,
      route: `${endpoint.method} ${endpoint.path}`,
      key: idempotencyKey,
      requestId: input.requestId,
      input: { params: input.params, query: input.query, body: input.body },
    },
    async (creationId) => ({
      status: endpoint.status,
      response: toWire(endpoint, await handler({ ...input, creationId })) ?? null,
    }),
  );
  if (isRepeat) {
    void reply.header("idempotency-replayed", "true");
  }
  return send(endpoint, reply, response ?? undefined);
}

/** What the response schema lets through. An answer that breaks the contract is our mistake: it is logged and not sent. */
function toWire(endpoint: EndpointShape, value: unknown): unknown {
  if (endpoint.response === null || value === undefined) {
    return value;
  }
  const result = endpoint.response.safeParse(value);
  if (!result.success) {
    throw new AppError("internal.unexpected", "Something went wrong inside. Report it with the request id.", {
      detail: `the response of ${endpoint.method} ${endpoint.path} breaks its contract: ${summarizeIssues(describeIssues(result.error.issues))}`,
    });
  }
  return result.data;
}

function send(endpoint: EndpointShape, reply: FastifyReply, value: unknown): unknown {
  if (reply.sent) {
    return reply;
  }
  if (value === undefined && endpoint.responseType === undefined) {
    return reply.code(204).send();
  }
  if (endpoint.response === null) {
    return reply
      .code(endpoint.status)
      .type(String(reply.getHeader("content-type") ?? endpoint.responseType ?? "text/plain"))
      .send(value);
  }
  // A handler may answer with data and an error status, as the health checks do.
  return reply
    .code(reply.statusCode >= 400 ? reply.statusCode : endpoint.status)
    .type("application/json; charset=utf-8")
    .send(JSON.stringify(value));
}
