import { type Event, endpoints } from "@agentvine/contracts";
import type { FastifyInstance } from "fastify";
import type { Actor } from "../../actor.ts";
import { pageReply } from "../../http/page-reply.ts";
import { route } from "../../http/route.ts";
import type { DependencyService } from "./dependency.service.ts";
import type { ReviewService } from "./review.service.ts";
import type { TaskService } from "./task.service.ts";
import { assertOwnTask } from "./task-owner.ts";

export interface TaskRouteServices {
  tasks: TaskService;
  reviews: ReviewService;
  dependencies: DependencyService;
  events: {
    list(filter: { after: number; limit: number; taskId: string }): Promise<{ items: Event[]; next: number }>;
  };
}

export function registerTaskRoutes(
  app: FastifyInstance,
  { tasks, reviews, dependencies, events }: TaskRouteServices,
): void {
  const assertOwn = (actor: Actor, taskId: string) => assertOwnTask(actor, () => tasks.get(taskId));
  route(app, endpoints.tasks.create, ({ actor, body, correlationId, creationId }) =>
    tasks.create({ id: creationId, actor, body, correlationId }),
  );
  route(app, endpoints.tasks.list, async ({ query }) => pageReply(query, await tasks.list(query)));
  route(app, endpoints.tasks.get, ({ params }) => tasks.get(params.taskId));
  route(app, endpoints.tasks.update, async ({ actor, params, body }) => {
    await assertOwn(actor, params.taskId);
    return await tasks.update(params.taskId, body);
  });
  route(app, endpoints.tasks.delete, async ({ actor, params }) => {
    await assertOwn(actor, params.taskId);
    await tasks.delete(params.taskId);
  });
  route(app, endpoints.tasks.cancel, async ({ actor, params, body }) => {
    await assertOwn(actor, params.taskId);
    return await reviews.cancel(params.taskId, body.reason);
  });
  route(app, endpoints.tasks.retry, async ({ actor, params }) => {
    await assertOwn(actor, params.taskId);
    return await reviews.retry(params.taskId);
  });
  route(app, endpoints.tasks.review, ({ actor, params, body }) => reviews.review(actor, params.taskId, body));
  route(app, endpoints.tasks.diff, ({ params }) => reviews.diff(params.taskId));
  route(app, endpoints.tasks.timeline, async ({ params, query }) => {
    await tasks.get(params.taskId);
    return await events.list({ ...query, taskId: params.taskId });
  });
  route(app, endpoints.tasks.dependencies, ({ params }) => dependencies.list(params.taskId));
  route(app, endpoints.tasks.addDependency, async ({ actor, params, body }) => {
    await assertOwn(actor, params.taskId);
    return await dependencies.add(params.taskId, body.dependsOnTaskId);
  });
  route(app, endpoints.tasks.removeDependency, async ({ actor, params }) => {
    await assertOwn(actor, params.taskId);
    await dependencies.remove(params.taskId, params.dependsOnTaskId);
  });
}
