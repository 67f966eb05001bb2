import type { Tx } from "../../database/client.ts";

/** The order that a task is worked on by, or parked in. */
export interface LiveOrder {
  readonly id: string;
  readonly status: string;
  readonly attempt: number;
}

/** The queue as decisions see it. The task is locked. */
export interface ResumePort {
  /** The task's live order, locked. */
  lockLiveOrder(tx: Tx, taskId: string): Promise<LiveOrder | undefined>;
  /** Puts a parked order back to the head of its lane with the answers as the agent's next prompt. */
  resumeParked(tx: Tx, workOrderId: string, followUp: string): Promise<void>;
}
