import type { Tx } from "../../database/client.ts";
import { lockTasks, type TaskRow } from "../tasks/index.ts";
import type { LeasePort } from "../workers/index.ts";
import { endAssignment, endExecution, endLease, lockHeldOrder } from "./attempt.repository.ts";
import { requeueTask } from "./failure.service.ts";
import { listHeld, renewLeases } from "./lease.repository.ts";
import { findOrder } from "./order.repository.ts";
import { recordOrderEvent } from "./settle.repository.ts";

async function takeBack(tx: Tx, task: TaskRow, orderId: string, reason: string): Promise<void> {
  const seen = await findOrder(tx, orderId);
  const ref = { workOrderId: orderId, attempt: seen?.attempt ?? 0 };
  const held = await lockHeldOrder(tx, ref);
  const released =
    held && (await endLease(tx, ref, { status: "pending", delayMs: 0, errorMessage: null }, null));
  if (held === undefined || released === undefined) {
    return;
  }
  const executionId = await endExecution(tx, task.id, ref.attempt, { outcome: "released", reason });
  await endAssignment(tx, ref, { status: "released" });
  await recordOrderEvent(tx, "work_order.released", released, {
    workerId: held.workerId,
    executionId: executionId ?? null,
    data: { reason },
  });
  await requeueTask(tx, task, released, reason);
}

/** The leases as workers see them. */
export const createLeases = ({ leaseMs }: { leaseMs: number }): LeasePort => ({
  renew: async (tx, holder, orders) =>
    (await renewLeases(tx, holder, orders, leaseMs)).map((order) => ({ ...order, leaseMs })),
  countHeld: async (tx, workerId) => (await listHeld(tx, workerId)).length,
  takeBack: async (tx, workerId, reason) => {
    const held = await listHeld(tx, workerId);
    const tasks = await lockTasks(
      tx,
      held.map((order) => order.taskId),
    );
    for (const { orderId, taskId } of held) {
      const task = tasks.find((one) => one.id === taskId);
      if (task !== undefined) {
        await takeBack(tx, task, orderId, reason);
      }
    }
  },
});
