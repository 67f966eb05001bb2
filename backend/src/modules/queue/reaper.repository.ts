import { eq, inArray, sql } from "drizzle-orm";
import type { Tx } from "../../database/client.ts";
import { tasks, workOrders } from "../../database/schema/index.ts";
import type { TaskRow } from "../tasks/index.ts";
import type { OrderRow } from "./order-row.repository.ts";
import { announceWork } from "./work-channel.repository.ts";

/** An order that a sweep changed, its task, and who held it before. */
export interface Swept {
  order: OrderRow;
  task: TaskRow;
  held: { workerId: string; instanceId: string } | undefined;
}

interface SweptIds extends Record<string, unknown> {
  id: string;
  worker_id: string | null;
  worker_instance_id: string | null;
}

/** What one sweep takes at most: its transaction holds the locks of so many tasks and orders, and others wait for them. */
export const sweepBatchMax = 100;

async function readSwept(tx: Tx, ids: SweptIds[]): Promise<Swept[]> {
  if (ids.length === 0) {
    return [];
  }
  const holders = new Map(ids.map((row) => [row.id, row]));
  const rows = await tx
    .select({ order: workOrders, task: tasks })
    .from(workOrders)
    .innerJoin(tasks, eq(tasks.id, workOrders.taskId))
    .where(
      inArray(
        workOrders.id,
        ids.map((row) => row.id),
      ),
    )
    // The workers that held them are locked later, in this order in every transaction.
    .orderBy(workOrders.id);
  const swept = rows.map(({ order, task }) => {
    const holder = holders.get(order.id);
    const held =
      holder?.worker_id && holder.worker_instance_id
        ? { workerId: holder.worker_id, instanceId: holder.worker_instance_id }
        : undefined;
    return { order, task, held };
  });
  return swept.sort((a, b) => ((a.held?.workerId ?? "") < (b.held?.workerId ?? "") ? -1 : 1));
}

/**
 * Takes leases that ran out back: one UPDATE that compares the expiry itself, so that an order which is completed or renewed at
 * the same moment is left alone. What somebody else has locked is left for the next sweep. The order goes back to its place in
 * the queue, or with its last loss becomes a dead letter.
 */
export async function reapLeases(tx: Tx, lostLeasesMax: number): Promise<Swept[]> {
  const { rows } = await tx.execute<SweptIds>(sql`
    with due as (
      select o.id, o.worker_id, o.worker_instance_id from work_orders o join tasks t on t.id = o.task_id
      where o.status = 'claimed' and o.lease_expires_at < now()
      order by o.lease_expires_at limit ${sweepBatchMax}
      for no key update of o, t skip locked)
    update work_orders o set
      status = case when o.lost_leases + 1 >= ${lostLeasesMax} then 'failed' else 'pending' end,
      dead_lettered_at = case when o.lost_leases + 1 >= ${lostLeasesMax} then now() end,
      completed_at = case when o.lost_leases + 1 >= ${lostLeasesMax} then now() end,
      error_message = case when o.lost_leases + 1 >= ${lostLeasesMax}
        then 'worker_lost: the lease was lost ' || o.lost_leases + 1 || ' times'
        else 'the lease was lost' end,
      lost_leases = o.lost_leases + 1, available_at = now(),
      lease_expires_at = null, claim_key = null, worker_id = null, worker_instance_id = null
    from due where o.id = due.id and o.status = 'claimed' and o.lease_expires_at < now()
    returning o.id, due.worker_id, due.worker_instance_id`);
  const swept = await readSwept(tx, rows);
  announceWork(
    tx,
    swept.filter(({ order }) => order.status === "pending").map(({ order }) => order.workType),
  );
  return swept;
}

/** Gives up the orders that nobody claimed (or resumed) before they expired. */
export async function expireOrders(tx: Tx): Promise<Swept[]> {
  const { rows } = await tx.execute<SweptIds>(sql`
    with due as (
      select o.id from work_orders o join tasks t on t.id = o.task_id
      where o.status in ('pending', 'parked') and o.expires_at <= now()
      order by o.expires_at limit ${sweepBatchMax}
      for no key update of o, t skip locked)
    update work_orders o set status = 'expired', completed_at = now(), error_message = 'expired'
    from due where o.id = due.id and o.status in ('pending', 'parked') and o.expires_at <= now()
    returning o.id, null as worker_id, null as worker_instance_id`);
  return await readSwept(tx, rows);
}
