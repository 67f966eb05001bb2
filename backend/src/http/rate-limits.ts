import type { EndpointShape } from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";
import type { FastifyReply, FastifyRequest } from "fastify";
import { addressBlockOf } from "../address-block.ts";
import type { SharedRedis } from "../redis/shared-redis.ts";
import { createRateCounter } from "./rate-counter.ts";

/** Kinds of requests that are limited apart, so that one never uses up what another needs. */
export const rateClasses = {
  reads: "AGENTVINE_RATE_READS_PER_SECOND",
  writes: "AGENTVINE_RATE_WRITES_PER_SECOND",
  /** What workers and their attempts send: claims, heartbeats, commands, logs, results. */
  worker: "AGENTVINE_RATE_WORKER_PER_SECOND",
  /** Routes that need no token. */
  open: "AGENTVINE_RATE_OPEN_PER_SECOND",
  /** Requests whose token was missing or wrong. */
  refused: "AGENTVINE_RATE_REFUSED_PER_SECOND",
} as const;

export type RateClass = keyof typeof rateClasses;

/** Requests per second and caller, by class; 0 switches the class off. */
export type RatesPerSecond = Record<RateClass, number>;

export interface RateLimits {
  /** Counts a request and tells in its headers where the caller stands. @throws AppError `request.rate_limited` */
  take(rateClass: RateClass, caller: string, reply: FastifyReply): Promise<void>;
}

/** Rates are averages over so long: ten times the rate may come at once, and nobody is locked out for longer. */
const windowSecondsDefault = 10;

/** @param shared where several backends count together; undefined: this process counts alone */
export function createRateLimits(
  rates: RatesPerSecond,
  shared: SharedRedis | undefined,
  windowSeconds = windowSecondsDefault,
): RateLimits {
  const entries = Object.entries(rates) as [RateClass, number][];
  const counters = new Map(
    entries
      .filter(([, perSecond]) => perSecond > 0)
      .map(([name, perSecond]) => {
        const requestsMax = perSecond * windowSeconds;
        const counter = createRateCounter({ name, requestsMax, windowSeconds, shared });
        return [name, { requestsMax, counter }] as const;
      }),
  );
  return {
    async take(rateClass, caller, reply) {
      const found = counters.get(rateClass);
      if (found === undefined) return;
      const { isAllowed, remaining, resetMs } = await found.counter.take(caller);
      const resetSeconds = Math.max(1, Math.ceil(resetMs / 1_000));
      void reply.headers({
        "ratelimit-limit": found.requestsMax,
        "ratelimit-remaining": remaining,
        "ratelimit-reset": resetSeconds,
      });
      if (isAllowed) return;
      throw new AppError(
        "request.rate_limited",
        `More than ${found.requestsMax} ${wordsOf[rateClass]} in ${windowSeconds} s: wait ${resetSeconds} s. The operator sets the limit with ${rateClasses[rateClass]}.`,
        { data: { retryAfterSeconds: resetSeconds } },
      );
    },
  };
}

const wordsOf: Record<RateClass, string> = {
  reads: "reads",
  writes: "writes",
  worker: "requests of one worker to one route",
  open: "requests without a token",
  refused: "requests without a valid token",
};

/** The class of a route. */
export function rateClassOf({ permission, method }: EndpointShape): RateClass {
  if (permission === "public") return "open";
  if (permission.startsWith("worker:") || permission === "attempt:write") return "worker";
  return method === "GET" ? "reads" : "writes";
}

/** Who sends the request, before it is known by its token: its address, or the block of addresses one customer has. */
export const addressOf = (request: FastifyRequest): string => addressBlockOf(request.ip);

/**
 * Who is counted for an authenticated request. The workers of a fleet may share one key: each is counted for itself, by the id it
 * names, and per route, so that a loop that has gone mad takes neither the others' turn nor its own heartbeat's.
 */
export function callerOf(rateClass: RateClass, request: FastifyRequest): string {
  const { actor } = request;
  const attempt = actor.attempt === undefined ? "" : `.${actor.attempt.attempt}`;
  const caller = `${actor.kind}:${actor.id}${attempt}`;
  return rateClass === "worker"
    ? `${caller}:${workerNamedBy(request)}:${request.routeOptions.url ?? ""}`
    : caller;
}

function workerNamedBy({ params, body }: FastifyRequest): string {
  const named = [params, body].map((part) =>
    typeof part === "object" && part !== null && "workerId" in part ? part.workerId : undefined,
  );
  const workerId = named.find((id) => typeof id === "string");
  // A longer one is no id; the route will say so.
  return typeof workerId === "string" && workerId.length <= 36 ? workerId : "";
}
