import { endpoints } from "@agentvine/contracts";
import type { FastifyInstance } from "fastify";
import type { Actor } from "../../actor.ts";
import { pageReply } from "../../http/page-reply.ts";
import { route } from "../../http/route.ts";
import type { AttemptService } from "./attempt.service.ts";
import type { ClaimService } from "./claim.service.ts";
import type { OrderService } from "./order.service.ts";

export interface QueueRouteServices {
  claims: ClaimService;
  attempts: AttemptService;
  orders: OrderService;
  /** Whether they may start the work of a task. @throws AppError `auth.forbidden` */
  assertOwn: (actor: Actor, taskId: string) => Promise<void>;
}

export function registerQueueRoutes(
  app: FastifyInstance,
  { claims, attempts, orders, assertOwn }: QueueRouteServices,
): void {
  const assertOwnOrder = async (actor: Actor, orderId: string): Promise<void> => {
    const taskId = await orders.taskIdOf(orderId);
    if (taskId !== undefined) await assertOwn(actor, taskId);
  };
  route(app, endpoints.queue.enqueue, async ({ actor, body }) => {
    await assertOwn(actor, body.taskId);
    return await orders.enqueue(body);
  });
  route(app, endpoints.queue.enqueueBatch, async ({ actor, body }) => {
    for (const { taskId } of body.items) await assertOwn(actor, taskId);
    return await orders.enqueueBatch(body.items);
  });
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
  route(app, endpoints.queue.requeue, async ({ actor, body }) => {
    await assertOwnOrder(actor, body.workOrderId);
    return await orders.requeue(body.workOrderId);
  });
  route(app, endpoints.queue.claim, ({ actor, body, idempotencyKey, signal }) =>
    claims.claim({ actor, body, idempotencyKey, signal }),
  );
  route(app, endpoints.queue.complete, ({ actor, body }) => attempts.complete(actor, body));
  route(app, endpoints.queue.fail, ({ actor, body }) => attempts.fail(actor, body));
  route(app, endpoints.queue.release, ({ actor, body }) => attempts.release(actor, body));
  route(app, endpoints.queue.park, ({ actor, body }) => attempts.park(actor, body));
  route(app, endpoints.queue.resume, async ({ actor, body }) => {
    await assertOwnOrder(actor, body.workOrderId);
    return await orders.resume(body.workOrderId, body.answer);
  });
}
