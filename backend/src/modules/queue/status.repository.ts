import { lanes, type QueueStatus } from "@agentvine/contracts";
import { sql } from "drizzle-orm";
import type { Db } from "../../database/client.ts";
import { isLiveRequest, workerRequests, workOrders } from "../../database/schema/index.ts";

/** Depth and age of the three lanes, the number of dead letters, and of requests that wait to be settled or delivered. */
export async function readQueueDepth(db: Db): Promise<QueueStatus> {
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
    workerRequests: await db.$count(workerRequests, isLiveRequest),
    controllerResponses: await db.$count(
      workerRequests,
      // What was taken back, or ended with its work, is told to nobody.
      sql`settled_at is not null and delivered_at is null and status in ('answered', 'denied', 'no_answer')
        and exists (select from tasks t where t.id = task_id and t.status in ('queued', 'in_progress', 'waiting'))`,
    ),
  };
}
