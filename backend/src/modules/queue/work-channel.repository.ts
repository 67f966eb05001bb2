import type { Db, Tx } from "../../database/client.ts";
import { notify } from "../../database/commit-wakes.ts";
import { taskTypeOf } from "./work-type.ts";

/** Channel on which backends are told that orders became claimable; the payload lists their task types, or `publish`. */
export const workChannel = "agentvine_work";

/** Wakes the claims that wait for such work, in every backend, as soon as it is committed. */
export function announceWork(source: Db | Tx, workTypes: readonly string[]): void {
  if (workTypes.length > 0) {
    const types = new Set(workTypes.map((workType) => taskTypeOf(workType) ?? "publish"));
    notify(source, workChannel, { payload: [...types].sort().join(",") });
  }
}
