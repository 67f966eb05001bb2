import { endpoints } from "@agentvine/contracts";
import type { FastifyInstance } from "fastify";
import { pageReply } from "../../http/page-reply.ts";
import { route } from "../../http/route.ts";
import type { AttemptService } from "./attempt.service.ts";
import type { ClaimService } from "./claim.service.ts";
import type { OrderService } from "./order.service.ts";

export interface QueueRouteServices {
  claims: ClaimService;
  attempts: AttemptService;
  orders: OrderService;
}

export function registerQueueRoutes(
  app: FastifyInstance,
  { claims, attempts, orders }: QueueRouteServices,
): void {
  route(app, endpoints.queue.enqueue, ({ body }) => orders.enqueue(body));
  route(app, endpoints.queue.enqueueBatch, ({ body }) => orders.enqueueBatch(body.items));
  route(app, endpoints.queue.status, () => orders.status());
  route(app, endpoints.queue.orders, async ({ query: { isDeadLetter, ...query } }) =>
    pageReply(
      query,
      await orders.list({
        ...query,
        isDeadLetter: isDeadLetter === undefined ? undefined : isDeadLetter === "true",
      }),
    ),
  );
  route(app, endpoints.queue.requeue, ({ body }) => orders.requeue(body.workOrderId));
  route(app, endpoints.queue.claim, ({ actor, body, idempotencyKey, signal }) =>
    claims.claim({ actor, body, idempotencyKey, signal }),
  );
  route(app, endpoints.queue.complete, ({ actor, body }) => attempts.complete(actor, body));
  route(app, endpoints.queue.fail, ({ actor, body }) => attempts.fail(actor, body));
  route(app, endpoints.queue.release, ({ actor, body }) => attempts.release(actor, body));
  route(app, endpoints.queue.park, ({ actor, body }) => attempts.park(actor, body));
  route(app, endpoints.queue.resume, ({ body }) => orders.resume(body.workOrderId, body.answer));
}
