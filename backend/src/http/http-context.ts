import type { IncomingHttpHeaders } from "node:http";
import type { Actor } from "../actor.ts";
import type { IdempotencyStore } from "./idempotency.ts";
import type { RateLimits } from "./rate-limits.ts";

/** Finds out who makes a request. @throws AppError `auth.required` or `auth.invalid` */
export type Authenticate = (headers: IncomingHttpHeaders) => Promise<Actor>;

/** What every route needs besides its own service. */
export interface HttpContext {
  authenticate: Authenticate;
  idempotency: IdempotencyStore;
  rateLimits: RateLimits;
  /** Requests under way; aborted with `server.stopping` when the server stops. */
  openRequests: Set<AbortController>;
}

declare module "fastify" {
  interface FastifyInstance {
    http: HttpContext;
  }
  interface FastifyRequest {
    /** Follows the work that the request causes through queue and worker. */
    correlationId: string;
    actor: Actor;
  }
}
