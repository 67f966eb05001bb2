import type { Tx } from "../../database/client.ts";
import { storableText } from "../../storable-json.ts";
import { moveTask } from "../tasks/index.ts";
import { findOrder, moveOrder } from "./order.repository.ts";
import type { OrderRow } from "./order-row.repository.ts";
import { recordOrderEvent } from "./settle.repository.ts";

/**
 * Puts a parked order back to its place in the queue, with what the agent is told next. Its task must be locked.
 * @returns undefined when the order is not parked
 */
export async function resumeParked(tx: Tx, orderId: string, followUp: string): Promise<OrderRow | undefined> {
  const order = await findOrder(tx, orderId);
  if (order === undefined) return undefined;
  const payload = { ...order.payload, followUp: storableText(followUp), followUpKind: "answer" };
  const change = { status: "pending" as const, payload };
  const resumed = await moveOrder(tx, orderId, "parked", change, { isAvailableNow: true });
  if (resumed === undefined) return undefined;
  await recordOrderEvent(tx, "work_order.resumed", resumed);
  await moveTask(tx, resumed.taskId, { event: "requeue", workOrderId: orderId });
  return resumed;
}
