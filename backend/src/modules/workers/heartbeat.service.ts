import type { HeldOrder, WorkerHeartbeat, WorkerHeartbeatReply } from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";
import type { Actor } from "../../actor.ts";
import type { Tx } from "../../database/client.ts";
import { inTransaction } from "../../database/transaction.ts";
import { acknowledgeCommands, listCommands } from "./command.repository.ts";
import { recordPulse, recordSample } from "./heartbeat.repository.ts";
import { findWorker } from "./worker.repository.ts";
import { assertOwnKey, recordStatusChange, unknownWorker, type WorkerServiceDeps } from "./worker.service.ts";
import type { WorkerRow } from "./worker-row.repository.ts";

export const superseded = (name: string): AppError =>
  new AppError("worker.superseded", `Another process has registered as ${name}: this one must stop.`);

const keyOf = ({ workOrderId, attempt }: HeldOrder): string => `${workOrderId} ${attempt}`;

/** Notes how the worker is. @throws AppError `worker.superseded` */
async function takePulse(tx: Tx, worker: WorkerRow, body: WorkerHeartbeat): Promise<void> {
  const { instanceId, metrics, fault } = body;
  const pulse = await recordPulse(tx, { workerId: worker.id, instanceId, metrics, fault });
  if (pulse === undefined) {
    throw superseded(worker.name);
  }
  if (pulse.before !== pulse.worker.status) {
    await recordStatusChange(tx, pulse.worker);
  }
  if (metrics !== undefined) {
    await recordSample(tx, pulse.worker, metrics);
  }
}

/** The heartbeat: renews leases, notes how the worker is, and repeats the commands it has not carried out. */
export function createHeartbeatService({ db, leases, heartbeatMs }: WorkerServiceDeps) {
  return {
    /**
     * Renews the listed leases that this process still holds, by database time.
     * @throws AppError `worker.not_found` (register again), `worker.superseded` (stop), `auth.forbidden`
     */
    beat: (actor: Actor, workerId: string, body: WorkerHeartbeat): Promise<WorkerHeartbeatReply> =>
      inTransaction(db, async (tx) => {
        const { instanceId, orders, commandsSeen } = body;
        const worker = await findWorker(tx, workerId);
        if (worker === undefined) {
          throw unknownWorker(workerId);
        }
        assertOwnKey(actor, worker);
        if (worker.instanceId !== instanceId) {
          throw superseded(worker.name);
        }
        // Orders before the worker's row: every transaction locks in the sequence task, order, worker.
        const renewed = await leases.renew(tx, { workerId, instanceId }, orders);
        await takePulse(tx, worker, body);
        if (commandsSeen > 0) {
          await acknowledgeCommands(tx, workerId, commandsSeen);
        }
        const held = new Set(renewed.map(keyOf));
        return {
          renewed,
          lost: orders.filter((order) => !held.has(keyOf(order))),
          commands: await listCommands(tx, { workerId, instanceId, after: 0 }),
          heartbeatMs,
        };
      }),
  };
}

export type HeartbeatService = ReturnType<typeof createHeartbeatService>;
