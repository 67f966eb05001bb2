import type { HeldOrder } from "@agentvine/contracts";
import type { Tx } from "../../database/client.ts";

/** What workers need of the queue; the queue provides it. */
export interface LeasePort {
  /** Renews the leases that this process still holds; returns them with what is left of them, in milliseconds. */
  renew(
    tx: Tx,
    holder: { workerId: string; instanceId: string },
    orders: readonly HeldOrder[],
  ): Promise<(HeldOrder & { leaseMs: number })[]>;
  /** How many orders the worker holds, under whatever process. */
  countHeld(tx: Tx, workerId: string): Promise<number>;
  /** Takes all its orders from the worker and puts them back into the queue; nothing is counted as a loss. */
  takeBack(tx: Tx, workerId: string, reason: string): Promise<void>;
}
