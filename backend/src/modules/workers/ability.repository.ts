import { isNull, sql } from "drizzle-orm";
import type { Db, Tx } from "../../database/client.ts";
import { workers } from "../../database/schema/index.ts";
import type { Able } from "./worker.ts";

/** A worker that was last heard of longer ago than this is not counted on; it may well be restarting before. */
const absentSecondsMax = 3_600;

/** All registered workers as far as it matters for what they could run. */
export async function listAble(db: Db | Tx): Promise<Able[]> {
  return await db
    .select({
      capabilities: workers.capabilities,
      isRecent: sql<boolean>`${workers.status} <> 'offline' or ${workers.lastHeartbeatAt} > now() - ${absentSecondsMax} * interval '1 second'`,
    })
    .from(workers)
    .where(isNull(workers.deregisteredAt));
}
