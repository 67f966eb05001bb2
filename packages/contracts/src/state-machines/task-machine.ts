import { z } from "zod";
import { type StateMachine, transitionRows } from "./state-machine.ts";

export const taskStatuses = [
  "pending",
  "blocked",
  "queued",
  "in_progress",
  "waiting",
  "in_review",
  "completed",
  "failed",
  "cancelled",
] as const;
export const taskStatusSchema = z.enum(taskStatuses).meta({ id: "TaskStatus" });
export type TaskStatus = z.infer<typeof taskStatusSchema>;

export type TaskEvent =
  | "enqueue"
  | "block"
  | "unblock"
  | "claim"
  | "wait"
  | "answer"
  | "requeue"
  | "submit"
  | "complete"
  | "reject"
  | "fail"
  | "retry"
  | "cancel";

/**
 * pending: created, not in the queue. blocked: a dependency is unfinished. queued: a work order is pending. in_progress: a
 * worker holds the lease (also while the result is published). waiting: a worker request is open or the execution is parked.
 * in_review: a person must look at the result; approving keeps it here until the publish order has pushed.
 */
export const taskMachine: StateMachine<TaskStatus, TaskEvent> = {
  name: "task",
  initial: "pending",
  statuses: taskStatuses,
  final: ["completed", "cancelled"],
  transitions: transitionRows<TaskStatus, TaskEvent>({
    enqueue: [[["pending"], "queued"]],
    block: [[["pending"], "blocked"]],
    unblock: [[["blocked"], "queued"]],
    claim: [[["queued"], "in_progress"]],
    wait: [[["in_progress"], "waiting"]],
    answer: [[["waiting"], "in_progress"]],
    requeue: [[["in_progress", "waiting"], "queued"]],
    submit: [[["in_progress"], "in_review"]],
    complete: [[["in_progress", "in_review"], "completed"]],
    reject: [[["in_review"], "queued"]],
    fail: [[["queued", "in_progress", "waiting"], "failed"]],
    retry: [[["failed"], "queued"]],
    cancel: [[["pending", "blocked", "queued", "in_progress", "waiting", "in_review"], "cancelled"]],
  }),
};

/** Statuses in which the task may still change by itself or by a worker. */
export const liveTaskStatuses: readonly TaskStatus[] = [
  "pending",
  "blocked",
  "queued",
  "in_progress",
  "waiting",
  "in_review",
];
