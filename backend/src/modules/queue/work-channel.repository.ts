import type { Tx } from "../../database/client.ts";
import { notify } from "../../database/notifications.ts";
import { taskTypeOf } from "./work-type.ts";

/** Channel on which backends are told that orders became claimable; the payload lists their task types, or `publish`. */
export const workChannel = "agentvine_work";

/** Wakes the claims that wait for such work, in every backend, when the transaction commits. */
export async function announceWork(tx: Tx, workTypes: readonly string[]): Promise<void> {
  if (workTypes.length > 0) {
    const types = new Set(workTypes.map((workType) => taskTypeOf(workType) ?? "publish"));
    await notify(tx, workChannel, [...types].sort().join(","));
  }
}
