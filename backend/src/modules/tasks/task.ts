import {
  type EventType,
  nextStatus,
  statusesAllowing,
  type TaskEvent,
  type TaskStatus,
  taskMachine,
} from "@agentvine/contracts";

/** The event of the history that each move of a task leaves. */
export const eventOfMove: Readonly<Record<TaskEvent, EventType>> = {
  enqueue: "task.queued",
  block: "task.blocked",
  unblock: "task.unblocked",
  claim: "task.claimed",
  wait: "task.waiting",
  answer: "task.answered",
  requeue: "task.requeued",
  submit: "task.submitted",
  complete: "task.completed",
  reject: "task.rejected",
  fail: "task.failed",
  retry: "task.queued",
  cancel: "task.cancelled",
};

/** The one status that a move leads to, and those it may start from. */
export function moveOf(event: TaskEvent): { from: TaskStatus[]; to: TaskStatus } {
  const from = statusesAllowing(taskMachine, event);
  const to = from[0] === undefined ? undefined : nextStatus(taskMachine, from[0], event);
  if (to === undefined) {
    throw new Error(`the task machine knows no ${event}`);
  }
  return { from, to };
}

/** A task that another one waits for. */
export interface Dependency {
  title: string;
  status: TaskStatus;
}

const quoteTitle = ({ title }: Dependency): string =>
  `"${title.length > 60 ? `${title.slice(0, 59)}…` : title}"`;

/** Why a task is blocked, worst first; undefined when everything it waits for is completed. */
export function blockedReason(dependencies: readonly Dependency[]): string | undefined {
  const ended = dependencies.find(({ status }) => status === "failed" || status === "cancelled");
  if (ended !== undefined) {
    const remedy =
      ended.status === "failed" ? "Retry it or remove the dependency." : "Remove the dependency.";
    return `Waits for ${quoteTitle(ended)}, which ${ended.status === "failed" ? "failed" : "was cancelled"}. ${remedy}`;
  }
  const unfinished = dependencies.filter(({ status }) => status !== "completed");
  const [first, ...others] = unfinished;
  if (first === undefined) {
    return undefined;
  }
  return `Waits for ${quoteTitle(first)}${others.length === 0 ? "" : ` and ${others.length} more`}.`;
}
