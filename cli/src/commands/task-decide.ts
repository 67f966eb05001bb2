import { endpoints, type ReviewComment, type Task } from "@agentvine/contracts";
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

/** `task queue <id>`: lets a pending task run. */
export const taskQueue = async (context: ClientContext, given: string): Promise<number> => {
  const taskId = await resolveTaskId(context.client, given);
  const body = { status: "queued" as const };
  return say(await context.client.call(endpoints.tasks.update, { params: { taskId }, body }), context);
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
  readonly commentAt?: readonly string[];
}

/** `path:line=text`. */
const commentAt = (given: string): ReviewComment => {
  const match = /^(.+?):(\d+)=([\s\S]+)$/.exec(given);
  if (match === null) {
    throw new AppError("command.usage", `${given} is no comment on a line: write path:line=text`);
  }
  const [, path = "", line = "", text = ""] = match;
  return { path, line: Number(line), text };
};

/** `task review <id> --approve | --reject "what to change" [--comment-at path:line=text …]`. */
export const taskReview = async (
  context: ClientContext,
  given: string,
  flags: TaskReviewFlags,
): Promise<number> => {
  const comments = (flags.commentAt ?? []).map(commentAt);
  const isRejected = flags.reject !== undefined || comments.length > 0;
  if ((flags.approve === true) === isRejected) {
    throw new AppError("command.usage", 'say either --approve or --reject "what to change"');
  }
  const taskId = await resolveTaskId(context.client, given);
  const body = isRejected
    ? { decision: "reject" as const, comment: flags.reject ?? "", comments }
    : { decision: "approve" as const, comment: flags.comment ?? "" };
  return say(
    await context.client.call(endpoints.tasks.review, { params: { taskId }, body, idempotencyKey: newId() }),
    context,
  );
};
