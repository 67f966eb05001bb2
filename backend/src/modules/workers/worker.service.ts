import type {
  Worker,
  WorkerRegister,
  WorkerRegistered,
  WorkerSample,
  WorkerStatus,
} from "@agentvine/contracts";
import { workerProtocol } from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";
import type { Actor } from "../../actor.ts";
import type { Db, Tx } from "../../database/client.ts";
import { inTransaction } from "../../database/transaction.ts";
import { version } from "../../version.ts";
import { recordAudit } from "../audit/index.ts";
import { recordEvent } from "../events/index.ts";
import { insertCommand } from "./command.repository.ts";
import { listSamples } from "./heartbeat.repository.ts";
import type { LeasePort } from "./lease.port.ts";
import {
  findWorker,
  listWorkers,
  markDeregistered,
  markVanished,
  setDraining,
  upsertWorker,
} from "./worker.repository.ts";
import { toWorker, type WorkerRow } from "./worker-row.repository.ts";

export interface WorkerTimes {
  heartbeatMs: number;
  leaseMs: number;
}

export interface WorkerServiceDeps extends WorkerTimes {
  db: Db;
  leases: LeasePort;
}

/** Missed heartbeats after which a worker counts as offline. */
const missedHeartbeatsMax = 3;

export const unknownWorker = (workerId: string): AppError =>
  new AppError("worker.not_found", `There is no worker ${workerId}.`);

const nameTaken = (name: string): AppError =>
  new AppError(
    "worker.name_taken",
    `The worker ${name} registered with another key, which is still valid: choose another name, or have it deregistered or its key revoked.`,
  );

/** A key works for the workers that registered with it. @throws AppError `auth.forbidden` */
export function assertOwnKey(actor: Actor, worker: WorkerRow): void {
  if (actor.kind === "worker_key" && worker.apiKeyId !== null && worker.apiKeyId !== actor.id) {
    throw new AppError("auth.forbidden", "The worker registered with another key.");
  }
}

/** Notes in the history that a worker's status changed. */
export async function recordStatusChange(tx: Tx, worker: WorkerRow): Promise<void> {
  await recordEvent(tx, {
    type: "worker.status_changed",
    workerId: worker.id,
    data: { name: worker.name, status: worker.status, reason: worker.statusReason },
  });
}

/** A worker that is too old would misread what it is told. @throws AppError `worker.protocol_unsupported` */
function assertUnderstood({ name, version: theirs, protocol }: WorkerRegister): void {
  const { oldest } = workerProtocol;
  if (protocol < oldest) {
    throw new AppError(
      "worker.protocol_unsupported",
      `The worker ${name} is of version ${theirs} and speaks protocol ${protocol}; this backend of version ${version} understands ${oldest} and newer. Install version ${version} for the worker.`,
      { data: { protocol, oldest } },
    );
  }
}

/** The register of worker processes: who is there, what they can do, and how they leave. */
export function createWorkerService({ db, leases, heartbeatMs, leaseMs }: WorkerServiceDeps) {
  const mustFind = async (source: Db | Tx, workerId: string): Promise<WorkerRow> => {
    const row = await findWorker(source, workerId);
    if (row === undefined) {
      throw unknownWorker(workerId);
    }
    return row;
  };

  return {
    /** Makes or takes over the worker of that name. Repeatable. @throws AppError `worker.protocol_unsupported`, `worker.name_taken` */
    register: async (actor: Actor, body: WorkerRegister): Promise<WorkerRegistered> => {
      assertUnderstood(body);
      const row = await inTransaction(db, async (tx) => {
        const worker = await upsertWorker(tx, body, {
          apiKeyId: actor.kind === "worker_key" ? actor.id : null,
          anybodys: actor.kind === "user" && actor.permissions.includes("workers:admin"),
        });
        if (worker === undefined) throw nameTaken(body.name);
        await recordEvent(tx, {
          type: "worker.registered",
          workerId: worker.id,
          data: { name: worker.name, instanceId: worker.instanceId, version: worker.version },
        });
        // Registering makes a worker idle; one that still holds work is not.
        if (worker.status !== "idle") {
          await recordStatusChange(tx, worker);
        }
        return worker;
      });
      return { worker: toWorker(row), heartbeatMs, leaseMs, protocol: workerProtocol.current };
    },

    list: async (query: { page: number; pageSize: number; status?: WorkerStatus[] | undefined }) => {
      const { rows, ...total } = await listWorkers(db, query);
      return { items: rows.map(toWorker), ...total };
    },

    /** @throws AppError `worker.not_found` */
    get: async (workerId: string): Promise<Worker> => toWorker(await mustFind(db, workerId)),

    /** The worker's load over time, oldest first. @throws AppError `worker.not_found` */
    metrics: async (workerId: string, limit: number): Promise<{ items: WorkerSample[] }> => {
      await mustFind(db, workerId);
      return { items: await listSamples(db, workerId, limit) };
    },

    /** Lets the worker finish or release what it holds and take nothing new. @throws AppError `worker.not_found` */
    drain: (workerId: string, reason: string): Promise<Worker> =>
      inTransaction(db, async (tx) => {
        const found = await mustFind(tx, workerId);
        const drained = await setDraining(tx, workerId, reason);
        if (drained === undefined) {
          return toWorker(found);
        }
        await insertCommand(tx, { workerId, instanceId: drained.instanceId, type: "drain", reason });
        await recordStatusChange(tx, drained);
        const { name } = drained;
        const target = { targetType: "worker", targetId: workerId };
        await recordAudit(tx, { action: "worker.drained", ...target, detail: { name, reason } });
        return toWorker(drained);
      }),

    /**
     * Takes the worker off the register. With `isForced` the orders it holds go back into the queue.
     * @throws AppError `worker.not_found`, `worker.live`, `auth.forbidden`
     */
    deregister: async (actor: Actor, workerId: string, isForced: boolean): Promise<void> => {
      await inTransaction(db, async (tx) => {
        const { name, ...worker } = await mustFind(tx, workerId);
        assertOwnKey(actor, { name, ...worker });
        // First, so that it can claim nothing between the count and the end.
        if (!(await markDeregistered(tx, workerId))) {
          throw unknownWorker(workerId);
        }
        const held = await leases.countHeld(tx, workerId);
        if (held > 0 && !isForced) {
          throw new AppError(
            "worker.live",
            `The worker holds ${held} work order${held === 1 ? "" : "s"}: drain it first, or force it.`,
            { data: { held } },
          );
        }
        if (held > 0) {
          await leases.takeBack(tx, workerId, "the worker was deregistered");
        }
        await recordEvent(tx, { type: "worker.deregistered", workerId, data: { isForced } });
        const target = { targetType: "worker", targetId: workerId };
        await recordAudit(tx, { action: "worker.removed", ...target, detail: { name, isForced, held } });
      });
    },

    /** Workers that missed their heartbeats become offline. Returns how many did. */
    sweepVanished: (): Promise<number> =>
      inTransaction(db, async (tx) => {
        const gone = await markVanished(tx, missedHeartbeatsMax * heartbeatMs);
        for (const worker of gone) {
          await recordStatusChange(tx, worker);
        }
        return gone.length;
      }),
  };
}

export type WorkerService = ReturnType<typeof createWorkerService>;
