import { z } from "zod";
import { type StateMachine, transitionRows } from "./state-machine.ts";

/** How an execution ended: a closed vocabulary, whose fault first. A new word needs a decision record. */
export const executionOutcomes = [
  "succeeded",
  "failed",
  "refused",
  "cancelled",
  "timed_out",
  "parked",
  "released",
  "lost",
] as const;
export const executionOutcomeSchema = z.enum(executionOutcomes).meta({ id: "ExecutionOutcome" });
export type ExecutionOutcome = z.infer<typeof executionOutcomeSchema>;

export const executionStatuses = ["running", ...executionOutcomes] as const;
export const executionStatusSchema = z.enum(executionStatuses).meta({ id: "ExecutionStatus" });
export type ExecutionStatus = z.infer<typeof executionStatusSchema>;

/** Where a failed execution failed. */
export const failureKinds = ["agent", "verification", "setup", "checkout", "infrastructure"] as const;
export const failureKindSchema = z.enum(failureKinds).meta({ id: "FailureKind" });
export type FailureKind = z.infer<typeof failureKindSchema>;

/** What the gate said. `unverified`: no test command is known, a person must look. */
export const verifications = ["passed", "failed", "unverified"] as const;
export const verificationSchema = z.enum(verifications).meta({ id: "Verification" });
export type Verification = z.infer<typeof verificationSchema>;

export type ExecutionEvent =
  | "succeed"
  | "fail"
  | "refuse"
  | "cancel"
  | "time_out"
  | "park"
  | "release"
  | "lose";

export const executionMachine: StateMachine<ExecutionStatus, ExecutionEvent> = {
  name: "execution",
  initial: "running",
  statuses: executionStatuses,
  final: executionOutcomes,
  transitions: transitionRows<ExecutionStatus, ExecutionEvent>({
    succeed: [[["running"], "succeeded"]],
    fail: [[["running"], "failed"]],
    refuse: [[["running"], "refused"]],
    cancel: [[["running"], "cancelled"]],
    time_out: [[["running"], "timed_out"]],
    park: [[["running"], "parked"]],
    release: [[["running"], "released"]],
    lose: [[["running"], "lost"]],
  }),
};
