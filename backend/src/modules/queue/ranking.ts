import { type Lane, laneOf, type Priority, type TaskType, type WorkOrderKind } from "@agentvine/contracts";

/**
 * How many seconds of waiting a priority is worth. A claim takes the order with the oldest rank, and an order's rank is the
 * moment it was queued, moved back by its head start. So lanes come in their order while nothing is old, and nothing starves:
 * a low order overtakes a critical one that was queued more than six hours after it.
 */
export const headStartSeconds: Readonly<Record<Priority, number>> = {
  critical: 4 * 3_600,
  high: 3_600,
  normal: 0,
  low: -2 * 3_600,
};

/** A push is short and somebody waits for its result: it goes before everything but work that is a day old. */
export const publishHeadStartSeconds = 24 * 3_600;

/** Where and how an order queues. */
export interface QueuePlace {
  lane: Lane;
  /** What a worker must take on to claim it: the task's type, or `publish`. */
  workType: string;
  headStartSeconds: number;
}

/** The place in the queue of an order of that kind for a task of that type and priority. */
export function queuePlace(kind: WorkOrderKind, taskType: TaskType, priority: Priority): QueuePlace {
  if (kind === "publish") {
    return { lane: "high_priority", workType: "publish", headStartSeconds: publishHeadStartSeconds };
  }
  return { lane: laneOf(priority), workType: taskType, headStartSeconds: headStartSeconds[priority] };
}
