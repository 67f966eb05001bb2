import { z } from "zod";
import { type StateMachine, transitionRows } from "./state-machine.ts";

export const workOrderStatuses = [
  "pending",
  "claimed",
  "parked",
  "completed",
  "failed",
  "cancelled",
  "expired",
] as const;
export const workOrderStatusSchema = z.enum(workOrderStatuses).meta({ id: "WorkOrderStatus" });
export type WorkOrderStatus = z.infer<typeof workOrderStatusSchema>;

export type WorkOrderEvent =
  | "claim"
  | "complete"
  | "fail"
  | "cancel"
  | "expire"
  | "lose"
  | "retry"
  | "release"
  | "park"
  | "resume"
  | "bury"
  | "requeue";

/**
 * lose: the lease ran out (counted; the third time it is `bury`: failed as `worker_lost`, a dead letter). retry: the failure may
 * pass, `availableAt` says when. release: the worker drains, nothing is counted. requeue: a person takes a dead letter up again.
 */
export const workOrderMachine: StateMachine<WorkOrderStatus, WorkOrderEvent> = {
  name: "work order",
  initial: "pending",
  statuses: workOrderStatuses,
  final: ["completed", "cancelled", "expired"],
  transitions: transitionRows<WorkOrderStatus, WorkOrderEvent>({
    claim: [[["pending"], "claimed"]],
    complete: [[["claimed"], "completed"]],
    fail: [[["claimed", "parked"], "failed"]],
    cancel: [[["pending", "claimed", "parked"], "cancelled"]],
    expire: [[["pending", "parked"], "expired"]],
    lose: [[["claimed"], "pending"]],
    retry: [[["claimed"], "pending"]],
    release: [[["claimed"], "pending"]],
    park: [[["claimed"], "parked"]],
    resume: [[["parked"], "pending"]],
    bury: [[["claimed"], "failed"]],
    requeue: [[["failed"], "pending"]],
  }),
};
