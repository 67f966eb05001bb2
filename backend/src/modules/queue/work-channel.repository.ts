import type { Tx } from "../../database/client.ts";
import { notify } from "../../database/notifications.ts";

/** Channel on which backends are told that orders became claimable; the payload lists the kinds of work. */
export const workChannel = "agentvine_work";

/** Wakes the claims that wait for such work, in every backend, when the transaction commits. */
export async function announceWork(tx: Tx, workTypes: readonly string[]): Promise<void> {
  if (workTypes.length > 0) {
    await notify(tx, workChannel, [...new Set(workTypes)].sort().join(","));
  }
}
