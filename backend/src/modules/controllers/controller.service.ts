import type { Controller, ControllerHeartbeat, ControllerRegister } from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";
import type { Actor } from "../../actor.ts";
import type { Db } from "../../database/client.ts";
import { inTransaction } from "../../database/transaction.ts";
import { recordAudit } from "../audit/index.ts";
import { recordEvent } from "../events/index.ts";
import {
  type ControllerRow,
  findController,
  listControllers,
  markGone,
  markVanished,
  noteHeartbeat,
  toController,
  upsertController,
} from "./controller.repository.ts";

export interface ControllerServiceDeps {
  db: Db;
  heartbeatMs: number;
  /** How long a request stays with a controller that is not heard of. */
  leaseMs: number;
}

/** Missed heartbeats after which a controller counts as offline. */
const missedHeartbeatsMax = 3;

const unknown = (id: string): AppError =>
  new AppError("controller.not_found", `There is no controller ${id}.`);
const superseded = (): AppError =>
  new AppError("controller.superseded", "Another process has registered under this name.");
const nameTaken = (name: string): AppError =>
  new AppError(
    "controller.name_taken",
    `The controller ${name} registered with another key, which is still valid: choose another name, or have that key revoked.`,
  );

/** A key works for the controllers that registered with it. */
function assertOwnKey(actor: Actor, row: ControllerRow): void {
  if (actor.kind === "worker_key" && row.apiKeyId !== actor.id)
    throw new AppError("auth.forbidden", "The controller registered with another key.");
}

/** Controllers: processes that answer what rules route to a model. */
export function createControllerService({ db, heartbeatMs, leaseMs }: ControllerServiceDeps) {
  /** The controller, when this key registered it. @throws AppError `controller.not_found`, `auth.forbidden` */
  const mustOwn = async (actor: Actor, id: string): Promise<ControllerRow> => {
    const row = await findController(db, id);
    if (row === undefined) throw unknown(id);
    assertOwnKey(actor, row);
    return row;
  };

  return {
    /** @throws AppError `controller.name_taken` */
    register: (actor: Actor, input: ControllerRegister) =>
      inTransaction(db, async (tx) => {
        const row = await upsertController(tx, input, {
          apiKeyId: actor.kind === "worker_key" ? actor.id : null,
          anybodys: actor.kind === "user" && actor.permissions.includes("workers:admin"),
        });
        if (row === undefined) throw nameTaken(input.name);
        await recordEvent(tx, {
          type: "controller.registered",
          data: { controllerId: row.id, name: row.name },
        });
        return { controller: toController(row), heartbeatMs, leaseMs };
      }),

    /** @throws AppError `controller.not_found`, `controller.superseded`, `auth.forbidden` */
    heartbeat: async (actor: Actor, id: string, body: ControllerHeartbeat): Promise<Controller> => {
      await mustOwn(actor, id);
      const row = await noteHeartbeat(db, id, body);
      if (row === undefined) throw superseded();
      return toController(row);
    },

    /** @throws AppError `controller.not_found`, `auth.forbidden` */
    deregister: async (actor: Actor, id: string, instanceId: string): Promise<void> => {
      await mustOwn(actor, id);
      await inTransaction(db, async (tx) => {
        const row = await markGone(tx, id, instanceId);
        if (row === undefined) return;
        const { name } = row;
        await recordEvent(tx, { type: "controller.vanished", data: { controllerId: id, name } });
        const target = { targetType: "controller", targetId: id };
        await recordAudit(tx, { action: "controller.removed", ...target, detail: { name } });
      });
    },

    list: async (): Promise<Controller[]> => (await listControllers(db)).map(toController),

    /** @throws AppError `controller.not_found`, `controller.superseded`, `auth.forbidden` */
    assertProcess: async (actor: Actor, id: string, instanceId: string): Promise<void> => {
      const row = await mustOwn(actor, id);
      if (row.instanceId !== instanceId) throw superseded();
    },

    /** @throws AppError `controller.not_found`, `auth.forbidden` */
    assertOwn: async (actor: Actor, id: string): Promise<void> => {
      await mustOwn(actor, id);
    },

    /** What it is called. @throws AppError `controller.not_found`, `auth.forbidden` */
    nameOf: async (actor: Actor, id: string): Promise<string> => (await mustOwn(actor, id)).name,

    /** Notes who was not heard of in time. @returns how many */
    sweepVanished: (): Promise<number> =>
      inTransaction(db, async (tx) => {
        const gone = await markVanished(tx, missedHeartbeatsMax * heartbeatMs);
        for (const { id, name } of gone)
          await recordEvent(tx, { type: "controller.vanished", data: { controllerId: id, name } });
        return gone.length;
      }),
  };
}

export type ControllerService = ReturnType<typeof createControllerService>;
