import type { Precedent, RequestClaim, RequestLease } from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";
import type { Actor } from "../../actor.ts";
import type { Db } from "../../database/client.ts";
import type { Notifications } from "../../database/notifications.ts";
import { overWith } from "../../over-with.ts";
import { createKeyedWaiters } from "../workers/index.ts";
import { leaseNextAutomated, renewLease } from "./automated.repository.ts";
import { assertLeased, hashOf, type LeaseRef, makeLeaseToken } from "./controller-lease.ts";
import type { ControllersPort } from "./controllers.port.ts";
import { findAlike } from "./precedent.repository.ts";
import { automatedChannel, unknownRequest } from "./request.ts";
import { findRow, type RequestRow, readRequest } from "./request-row.repository.ts";

export interface RequestLeaseServiceDeps {
  db: Db;
  notifications: Pick<Notifications, "on">;
  controllers: ControllersPort;
  leaseMs: number;
}

const lookMs = 2_000;

/** How controllers come by requests that a rule routed to a model, and hold them while it thinks. */
export function createRequestLeaseService(deps: RequestLeaseServiceDeps) {
  const { db, notifications, controllers, leaseMs } = deps;
  const waiters = createKeyedWaiters();
  const stopListening = notifications.on(automatedChannel, () => waiters.wake());

  async function leaseNext(controllerId: string): Promise<RequestLease | undefined> {
    const leaseToken = makeLeaseToken();
    const leased = await leaseNextAutomated(db, { controllerId, tokenHash: hashOf(leaseToken), leaseMs });
    const request = leased && (await readRequest(db, leased.id));
    if (leased === undefined || request === undefined) return undefined;
    return { request, leaseToken, leaseMs, task: leased.task, correlationId: leased.correlationId };
  }

  async function mustHold(actor: Actor, id: string, ref: Omit<LeaseRef, "generation">): Promise<RequestRow> {
    await controllers.assertOwn(actor, ref.controllerId);
    const row = await findRow(db, id);
    if (row === undefined) throw unknownRequest();
    assertLeased(row, ref);
    return row;
  }

  return {
    /** Leases the next request that waits for a model; waits for one. @throws AppError `controller.not_found`, `controller.superseded` */
    claim: async (
      actor: Actor,
      { controllerId, instanceId, waitSeconds }: RequestClaim,
      signal: AbortSignal,
    ): Promise<RequestLease | undefined> => {
      await controllers.assertProcess(actor, controllerId, instanceId);
      const endMs = performance.now() + waitSeconds * 1_000;
      using over = overWith(signal);
      for (;;) {
        const leftMs = endMs - performance.now();
        const woken = waiters.wait("", Math.min(leftMs, lookMs), over.signal);
        // Nobody would get what is leased for a caller who has gone.
        if (signal.aborted) return undefined;
        const lease = await leaseNext(controllerId);
        if (lease !== undefined || leftMs <= 0) return lease;
        await woken;
      }
    },

    /** Holds the lease on. @throws AppError `worker_request.lease_lost` */
    renew: async (actor: Actor, id: string, ref: LeaseRef): Promise<{ leaseMs: number }> => {
      await mustHold(actor, id, ref);
      if (!(await renewLease(db, id, { tokenHash: hashOf(ref.leaseToken), leaseMs })))
        throw new AppError("worker_request.lease_lost", "The controller does not hold the request any more.");
      return { leaseMs };
    },

    /** Earlier answers of people that may help with a leased request. @throws AppError `worker_request.lease_lost` */
    precedentsFor: async (
      actor: Actor,
      id: string,
      ref: Omit<LeaseRef, "generation">,
    ): Promise<Precedent[]> => {
      const row = await mustHold(actor, id, ref);
      return await findAlike(db, row.repositoryId, row.question);
    },

    stop: (): void => {
      stopListening();
      waiters.wake();
    },
  };
}

export type RequestLeaseService = ReturnType<typeof createRequestLeaseService>;
