import type { Tx } from "../../database/client.ts";
import type { TaskRow } from "../tasks/index.ts";

/** A plan that a person agreed to. */
export interface ApprovedPlan {
  readonly requestId: string;
  readonly steps: string[];
}

/** Worker requests as the queue sees them. All of it expects the task to be locked, unless it says otherwise. */
export interface RequestsPort {
  /**
   * An order has parked on these requests, whose answers its worker does not have. When all of them are settled already, the order goes
   * straight back to its lane with the answers.
   */
  parkOn(tx: Tx, task: TaskRow, workOrderId: string, requestIds: readonly string[]): Promise<void>;
  /** Ends what still waits: the work it was raised for goes on, or ended, without it. */
  endLive(tx: Tx, task: TaskRow, how: "cancelled" | "superseded", reason: string): Promise<void>;
  /** The plan a person agreed to; the task need not be locked. */
  approvedPlan(tx: Tx, taskId: string): Promise<ApprovedPlan | null>;
}
