import { z } from "zod";
import { type StateMachine, transitionRows } from "./state-machine.ts";

export const workerStatuses = ["idle", "busy", "draining", "offline", "error"] as const;
export const workerStatusSchema = z.enum(workerStatuses).meta({ id: "WorkerStatus" });
export type WorkerStatus = z.infer<typeof workerStatusSchema>;

export type WorkerEvent = "take" | "rest" | "drain" | "fault" | "recover" | "vanish" | "register";

/**
 * vanish: three heartbeats were missed, or it was deregistered. register: the process (re)started. What recovers or registers with
 * work in its hands is busy at once: `take` follows.
 */
export const workerMachine: StateMachine<WorkerStatus, WorkerEvent> = {
  name: "worker",
  initial: "idle",
  statuses: workerStatuses,
  final: [],
  transitions: transitionRows<WorkerStatus, WorkerEvent>({
    take: [[["idle"], "busy"]],
    rest: [[["busy"], "idle"]],
    drain: [[["idle", "busy", "error"], "draining"]],
    fault: [[["idle", "busy", "draining", "offline"], "error"]],
    recover: [[["error", "offline"], "idle"]],
    vanish: [[["idle", "busy", "draining", "error"], "offline"]],
    register: [[["idle", "busy", "draining", "offline", "error"], "idle"]],
  }),
};
