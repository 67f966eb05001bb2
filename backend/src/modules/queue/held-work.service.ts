import { AppError } from "@agentvine/kit";
import type { Tx } from "../../database/client.ts";
import type { AttemptRef } from "./attempt.repository.ts";
import { leaseLost } from "./finish.service.ts";
import { type HeldWork, lockAttempt } from "./held-attempt.repository.ts";

/**
 * What the attempt holds, with task and order locked.
 * @throws AppError `work_order.not_found`, `work_order.lease_lost` when it does not hold the order (any more)
 */
export async function lockHeldWork(tx: Tx, ref: AttemptRef): Promise<HeldWork> {
  const locked = await lockAttempt(tx, ref, []);
  if (locked === undefined)
    throw new AppError("work_order.not_found", `There is no work order ${ref.workOrderId}.`);
  if (locked.held === undefined) throw leaseLost(ref);
  return locked.held;
}
