import type { Db, Tx } from "../../database/client.ts";
import { inTransaction } from "../../database/transaction.ts";
import { moveTask } from "../tasks/index.ts";
import { endAssignment, endExecution } from "./attempt.repository.ts";
import { failPublish, requeueTask } from "./failure.service.ts";
import { resultOfLoss } from "./outcome.ts";
import { expireOrders, reapLeases, type Swept, sweepBatchMax } from "./reaper.repository.ts";
import type { RetryPolicy } from "./retry-policy.ts";
import { recordOrderEvent, releaseSlot, tellDependents } from "./settle.repository.ts";

const lostReason = "The worker was lost: its lease ran out.";

async function settleLoss(tx: Tx, { order, task, held }: Swept): Promise<void> {
  const executionId = await endExecution(tx, task.id, order.attempt, { outcome: "lost", reason: lostReason });
  await endAssignment(tx, { workOrderId: order.id, attempt: order.attempt }, { status: "lost" });
  const refs = { workerId: held?.workerId ?? null, executionId: executionId ?? null };
  await recordOrderEvent(tx, "work_order.lease_lost", order, {
    ...refs,
    data: { lostLeases: order.lostLeases },
  });
  if (order.status === "pending") {
    await requeueTask(tx, task, order, lostReason);
    return;
  }
  await recordOrderEvent(tx, "work_order.buried", order, { ...refs, data: { reason: order.errorMessage } });
  const reason = `worker_lost: ${order.lostLeases} workers in a row were lost with it.`;
  if (order.kind === "publish") {
    await failPublish(tx, task, order, reason);
    return;
  }
  await moveTask(tx, task.id, {
    event: "fail",
    reason,
    result: resultOfLoss(reason, executionId ?? null),
    workOrderId: order.id,
    attempt: order.attempt,
  });
  await tellDependents(tx, task.id);
}

async function settleExpiry(tx: Tx, { order, task }: Swept): Promise<void> {
  const reason = "expired: no worker took it in time.";
  await recordOrderEvent(tx, "work_order.expired", order, { data: { reason } });
  if (order.kind === "publish") {
    await failPublish(tx, task, order, reason);
    return;
  }
  await moveTask(tx, task.id, { event: "fail", reason, workOrderId: order.id });
  await tellDependents(tx, task.id);
}

/** Takes back what nobody holds any more. Several backends may sweep at once: each leaves alone what another has locked. */
export function createReaperService({ db, retry }: { db: Db; retry: RetryPolicy }) {
  return {
    /** What one call takes back at most; one that took so many may have left some. */
    batchMax: sweepBatchMax,

    /** Leases that ran out, the oldest first. Returns how many. */
    reapLeases: async (): Promise<number> => {
      return await inTransaction(db, async (tx) => {
        const lost = await reapLeases(tx, retry.lostLeasesMax);
        for (const one of lost) {
          await settleLoss(tx, one);
        }
        // Last, and in the order of the workers: workers are locked after tasks and orders.
        for (const one of lost) {
          await releaseSlot(tx, one.held);
        }
        return lost.length;
      });
    },

    /** Queued or parked orders that were given too little time. Returns how many. */
    expireOrders: async (): Promise<number> => {
      return await inTransaction(db, async (tx) => {
        const expired = await expireOrders(tx);
        for (const one of expired) {
          await settleExpiry(tx, one);
        }
        return expired.length;
      });
    },
  };
}
