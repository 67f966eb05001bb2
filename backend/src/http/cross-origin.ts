import cors from "@fastify/cors";
import type { FastifyInstance } from "fastify";

/**
 * Lets the pages of exactly these origins call us and read the answers. Others get no header; without an origin nothing is registered.
 * @param origins as browsers send them: scheme, host and port unless it is the scheme's own
 */
export async function registerCrossOrigin(app: FastifyInstance, origins: readonly string[]): Promise<void> {
  if (origins.length === 0) return;
  await app.register(cors, {
    // Asked each time: to a list of its own it would not answer with the origin, but still with the other headers.
    origin: (origin, decide) =>
      decide(null, origin !== undefined && origins.includes(origin) ? origin : false),
    credentials: true,
    methods: ["GET", "POST", "PUT", "PATCH", "DELETE"],
    allowedHeaders: ["Authorization", "Content-Type", "Idempotency-Key", "X-Request-Id", "X-Correlation-Id"],
    exposedHeaders: [
      ...["X-Request-Id", "Idempotency-Replayed", "Retry-After", "WWW-Authenticate", "Content-Disposition"],
      ...["RateLimit", "RateLimit-Policy", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"],
    ],
    maxAge: 600,
  });
}
