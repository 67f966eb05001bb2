import { type LaneStatus, lanes } from "@agentvine/contracts";
import { sql } from "drizzle-orm";
import type { Db } from "../../database/client.ts";
import { workOrders } from "../../database/schema/index.ts";

/** Depth and age of the three lanes, and the number of dead letters. */
export async function readQueueDepth(db: Db): Promise<{ lanes: LaneStatus[]; deadLetters: number }> {
  const rows = await db
    .select({
      lane: workOrders.queueName,
      pending: sql<number>`(count(*) filter (where status = 'pending' and available_at <= now()))::int`,
      delayed: sql<number>`(count(*) filter (where status = 'pending' and available_at > now()))::int`,
      claimed: sql<number>`(count(*) filter (where status = 'claimed'))::int`,
      parked: sql<number>`(count(*) filter (where status = 'parked'))::int`,
      oldestPendingSeconds: sql<
        number | null
      >`extract(epoch from now() - min(enqueued_at) filter (where status = 'pending' and available_at <= now()))::float8`,
    })
    .from(workOrders)
    .where(sql`status in ('pending', 'claimed', 'parked')`)
    .groupBy(workOrders.queueName);
  const deadLetters = await db.$count(workOrders, sql`${workOrders.deadLetteredAt} is not null`);
  const empty = { pending: 0, delayed: 0, claimed: 0, parked: 0, oldestPendingSeconds: null };
  return {
    lanes: lanes.map((lane) => rows.find((row) => row.lane === lane) ?? { lane, ...empty }),
    deadLetters,
  };
}
