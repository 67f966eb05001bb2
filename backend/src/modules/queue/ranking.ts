import { type Lane, laneOf, type Priority, type WorkOrderKind } from "@agentvine/contracts";
import { publishWork, type RunRequirement, runWork } from "./work-type.ts";

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
  /** What a worker must take on to claim it. */
  workType: string;
  headStartSeconds: number;
}

/** The place in the queue of an order of that kind for such a task. */
export function queuePlace(kind: WorkOrderKind, work: RunRequirement, priority: Priority): QueuePlace {
  if (kind === "publish") {
    return { lane: "high_priority", workType: publishWork, headStartSeconds: publishHeadStartSeconds };
  }
  return { lane: laneOf(priority), workType: runWork(work), headStartSeconds: headStartSeconds[priority] };
}
