import type { HeldOrder } from "@agentvine/contracts";
import { and, eq, sql } from "drizzle-orm";
import type { Tx } from "../../database/client.ts";
import { workOrders } from "../../database/schema/index.ts";

/** Renews the leases among `orders` that this process still holds; returns those. */
export async function renewLeases(
  tx: Tx,
  holder: { workerId: string; instanceId: string },
  orders: readonly HeldOrder[],
  leaseMs: number,
): Promise<HeldOrder[]> {
  if (orders.length === 0) {
    return [];
  }
  // In the order of the ids, so that two heartbeats of one worker can't lock each other out.
  const sorted = [...orders].sort((a, b) => (a.workOrderId < b.workOrderId ? -1 : 1));
  const listed = sql.join(
    sorted.map((order) => sql`(${order.workOrderId}::uuid, ${order.attempt}::int)`),
    sql`, `,
  );
  const rows = await tx
    .update(workOrders)
    .set({ leaseExpiresAt: sql`now() + ${leaseMs} * interval '1 millisecond'` })
    .where(
      and(
        sql`(${workOrders.id}, ${workOrders.attempt}) in (${listed})`,
        eq(workOrders.status, "claimed"),
        eq(workOrders.workerId, holder.workerId),
        eq(workOrders.workerInstanceId, holder.instanceId),
      ),
    )
    .returning({ workOrderId: workOrders.id, attempt: workOrders.attempt });
  return rows;
}

/** Orders that the worker holds, under whatever process, with their tasks. */
export async function listHeld(tx: Tx, workerId: string): Promise<{ orderId: string; taskId: string }[]> {
  return await tx
    .select({ orderId: workOrders.id, taskId: workOrders.taskId })
    .from(workOrders)
    .where(and(eq(workOrders.workerId, workerId), eq(workOrders.status, "claimed")))
    .orderBy(workOrders.taskId);
}
