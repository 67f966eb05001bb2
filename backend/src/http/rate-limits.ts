import { isIP } from "node:net";
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
  /** What tries a password, a code or a link, whoever it is for, and test notices, which go outside. */
  credentials: "AGENTVINE_RATE_CREDENTIALS_PER_MINUTE",
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
/** Nobody types so many passwords that a minute is not long enough to count them in; who guesses waits as long. */
const credentialsWindowSeconds = 60;

const windowSecondsOf = (rateClass: RateClass): number =>
  rateClass === "credentials" ? credentialsWindowSeconds : windowSecondsDefault;

/**
 * @param shared where several backends count together; undefined: this process counts alone
 * @param windowSecondsGiven over how long all rates are averaged; undefined: each over its own time
 */
export function createRateLimits(
  rates: RatesPerSecond,
  shared: SharedRedis | undefined,
  windowSecondsGiven?: number,
): RateLimits {
  const entries = Object.entries(rates) as [RateClass, number][];
  const counters = new Map(
    entries
      .filter(([, perSecond]) => perSecond > 0)
      .map(([name, perSecond]) => {
        const windowSeconds = windowSecondsGiven ?? windowSecondsOf(name);
        const requestsMax = Math.max(1, Math.round(perSecond * windowSeconds));
        const counter = createRateCounter({ name, requestsMax, windowSeconds, shared });
        return [name, { requestsMax, windowSeconds, counter }] as const;
      }),
  );
  return {
    async take(rateClass, caller, reply) {
      const found = counters.get(rateClass);
      if (found === undefined) return;
      const { isAllowed, remaining, resetMs } = await found.counter.take(caller);
      const resetSeconds = Math.max(1, Math.ceil(resetMs / 1_000));
      const { requestsMax, windowSeconds } = found;
      void reply.headers({
        // As the draft of the IETF has it since its eighth version, and as it was before: most clients read the older form.
        "ratelimit-policy": `"${rateClass}";q=${requestsMax};w=${windowSeconds}`,
        ratelimit: `"${rateClass}";r=${remaining};t=${resetSeconds}`,
        "ratelimit-limit": requestsMax,
        "ratelimit-remaining": remaining,
        "ratelimit-reset": resetSeconds,
      });
      if (isAllowed) return;
      throw new AppError(
        "request.rate_limited",
        `More than ${requestsMax} ${wordsOf[rateClass]} in ${windowSeconds} s: wait ${resetSeconds} s. The operator sets the limit with ${rateClasses[rateClass]}.`,
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
  credentials: "tries of a password, code or link, or test notices",
};

/** The class of a route. */
export function rateClassOf({ permission, method, rateClass }: EndpointShape): RateClass {
  if (rateClass !== undefined) return rateClass;
  if (permission === "public") return "open";
  if (permission.startsWith("worker:") || permission === "attempt:write") return "worker";
  return method === "GET" ? "reads" : "writes";
}

/** Who sends the request, before it is known by its token: its address, or the block of addresses one customer has. */
export const addressOf = ({ ip, socket }: FastifyRequest): string =>
  // What a trusted proxy says may be no address; it is then counted as its own.
  addressBlockOf(isIP(ip) === 0 ? (socket.remoteAddress ?? "") : ip);

/**
 * Who is counted for an authenticated request. The workers of a fleet may share one key: each is counted for itself, by the id it
 * names, and per route, so that a loop that has gone mad takes neither the others' turn nor its own heartbeat's.
 */
export function callerOf(rateClass: RateClass, request: FastifyRequest): string {
  // Whose password it is that is tried does not matter: one address may try so many.
  if (rateClass === "credentials") return addressOf(request);
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
