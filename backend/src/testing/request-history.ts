import type { Claim, RequestRaise, WorkerRequest } from "@agentvine/contracts";
import type { TestWorker } from "./work-fixture.ts";

/** What an agent asks. */
export type Asked = Pick<RequestRaise, "kind" | "question" | "options" | "approval">;

/** An answer that a person or a controller was told has won. */
interface Won {
  id: string;
  source: "person" | "controller";
  body: { generation: number; decision?: string; text?: string; choice?: string; scope?: string };
}

/** One task with everything that happened to what it asked, as those who did it know it. */
export interface RequestWorld {
  taskId: string;
  worker: TestWorker;
  /** Where in the list the few questions begin that this agent asks again and again. */
  focus: number;
  /** Every lease ever handed out; stale ones keep trying. */
  claims: Claim[];
  /** Every sight of a request that anybody had. */
  seen: WorkerRequest[];
  won: Won[];
  /** What was asked, and the request that the agent got for it. */
  got: { what: Asked; request: WorkerRequest }[];
  /** Spends that were told to have succeeded. */
  spent: { id: string; attempt: number; command: string }[];
  /** What was leased to the controller; old ones are tried as well. */
  leases: { id: string; ref: { controllerId: string; leaseToken: string; generation: number } }[];
  /** Requests that a worker parked on, once for each time. */
  parkedOn: string[];
}

export const requestActions = [
  "claim",
  "claim",
  "claim",
  "claim",
  "raise",
  "raise",
  "raise",
  "raise",
  "raise",
  "raise",
  "repeat",
  "repeat",
  "wait",
  "spend",
  "spend",
  "allow",
  "allow",
  "allow_task",
  "allow_changed",
  "deny",
  "say",
  "say",
  "say_stale",
  "say_stale",
  "say_stale",
  "withdraw",
  "park",
  "park",
  "resume",
  "deadline",
  "lose",
  "lose",
  "lose",
  "next_attempt",
  "next_attempt",
  "next_attempt",
  "sit_out",
  "sit_out",
  "sit_out",
  "release",
  "complete",
  "fail",
  "fail_world",
  "cancel",
  "retry",
  "model_claims",
  "model_claims",
  "model_answers",
  "model_answers",
  "model_is_unsure",
  "model_hands_over",
  "model_renews",
  "model_vanishes",
  "no_model",
] as const;
export type RequestAction = (typeof requestActions)[number];
