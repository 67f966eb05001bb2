import { endpoints, type Task } from "@agentvine/contracts";
import { AppError, newId } from "@agentvine/kit";
import { exitCodes } from "../exit-code.ts";
import { taskLine } from "../output/task-view.ts";
import type { ClientContext } from "./command.ts";
import { resolveTaskId } from "./task-id.ts";

const say = (task: Task, { output, json }: ClientContext): number => {
  if (json) output.json(task);
  else output.line(taskLine(task, output));
  return exitCodes.ok;
};

/** `task cancel <id>`: stops it wherever it is. */
export const taskCancel = async (
  context: ClientContext,
  given: string,
  flags: { reason?: string },
): Promise<number> => {
  const taskId = await resolveTaskId(context.client, given);
  const body = { reason: flags.reason ?? "" };
  return say(
    await context.client.call(endpoints.tasks.cancel, { params: { taskId }, body, idempotencyKey: newId() }),
    context,
  );
};

/** `task retry <id>`: queues a failed task again. */
export const taskRetry = async (context: ClientContext, given: string): Promise<number> => {
  const taskId = await resolveTaskId(context.client, given);
  return say(
    await context.client.call(endpoints.tasks.retry, {
      params: { taskId },
      body: {},
      idempotencyKey: newId(),
    }),
    context,
  );
};

export interface TaskReviewFlags {
  readonly approve?: boolean;
  readonly reject?: string;
  readonly comment?: string;
}

/** `task review <id> --approve | --reject "what to change"`. */
export const taskReview = async (
  context: ClientContext,
  given: string,
  flags: TaskReviewFlags,
): Promise<number> => {
  if ((flags.approve === true) === (flags.reject !== undefined)) {
    throw new AppError("command.usage", 'say either --approve or --reject "what to change"');
  }
  const taskId = await resolveTaskId(context.client, given);
  const body =
    flags.reject === undefined
      ? { decision: "approve" as const, comment: flags.comment ?? "" }
      : { decision: "reject" as const, comment: flags.reject };
  return say(
    await context.client.call(endpoints.tasks.review, { params: { taskId }, body, idempotencyKey: newId() }),
    context,
  );
};
