import { z } from "zod";
import { type StateMachine, transitionRows } from "./state-machine.ts";

export const workerRequestStatuses = [
  "pending",
  "automated",
  "human",
  "answered",
  "denied",
  "no_answer",
  "expired",
  "cancelled",
  "superseded",
] as const;
export const workerRequestStatusSchema = z.enum(workerRequestStatuses).meta({ id: "WorkerRequestStatus" });
export type WorkerRequestStatus = z.infer<typeof workerRequestStatusSchema>;

export type WorkerRequestEvent =
  | "route_automated"
  | "route_human"
  | "answer"
  | "deny"
  | "give_no_answer"
  | "expire"
  | "cancel"
  | "supersede";

/**
 * pending: raised, not routed yet; it leaves this status within the raising transaction. automated: a controller is to answer.
 * human: a person is. no_answer: the deadline passed, and the agent is told that nobody decided. expired: the deadline passed and
 * nobody was there to be told any more. cancelled: its task was cancelled, or the agent withdrew it. superseded: the work it was
 * raised for ended without it. An approval whose deadline passes is `denied` or `no_answer`, never `answered`.
 */
export const workerRequestMachine: StateMachine<WorkerRequestStatus, WorkerRequestEvent> = {
  name: "worker request",
  initial: "pending",
  statuses: workerRequestStatuses,
  final: ["answered", "denied", "no_answer", "expired", "cancelled", "superseded"],
  transitions: transitionRows<WorkerRequestStatus, WorkerRequestEvent>({
    route_automated: [[["pending"], "automated"]],
    route_human: [[["pending", "automated"], "human"]],
    answer: [[["pending", "automated", "human"], "answered"]],
    deny: [[["pending", "automated", "human"], "denied"]],
    give_no_answer: [[["automated", "human"], "no_answer"]],
    expire: [[["automated", "human"], "expired"]],
    cancel: [[["pending", "automated", "human"], "cancelled"]],
    supersede: [[["pending", "automated", "human"], "superseded"]],
  }),
};

/** Statuses in which a worker request can still be answered. */
export const liveWorkerRequestStatuses = [
  "pending",
  "automated",
  "human",
] as const satisfies readonly WorkerRequestStatus[];

export const isLiveRequestStatus = (status: WorkerRequestStatus): boolean =>
  (liveWorkerRequestStatuses as readonly string[]).includes(status);
