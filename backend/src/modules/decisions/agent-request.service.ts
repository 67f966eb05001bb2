import { isLiveRequestStatus, type RequestSpend, type WorkerRequest } from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";
import type { Actor } from "../../actor.ts";
import type { Db, Tx } from "../../database/client.ts";
import type { Notifications } from "../../database/notifications.ts";
import { inTransaction } from "../../database/transaction.ts";
import { overWith } from "../../over-with.ts";
import { assertOwnAttempt, leaseLost, lockHeldWork } from "../queue/index.ts";
import { createKeyedWaiters } from "../workers/index.ts";
import type { DecidePort } from "./decide.port.ts";
import { denialOf } from "./denied-now.service.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { markDelivered, spendRow } from "./request.repository.ts";
import { requestChannel, unknownRequest } from "./request.ts";
import { findRowAndHold, lockRow, mustReadRequest, type RequestRow } from "./request-row.repository.ts";
import type { ResumePort } from "./resume.port.ts";
import { settle } from "./settle.service.ts";

export interface AgentRequestServiceDeps {
  db: Db;
  decisions: DecidePort;
  notifications: Pick<Notifications, "on">;
  resume: ResumePort;
}

interface AttemptRef {
  workOrderId: string;
  attempt: number;
}

/** While nothing wakes it, a waiting request looks by itself so often: a wake-up may get lost. */
const lookMs = 5_000;

/** Refuses what was not allowed for this very call. */
function assertAllowed(row: RequestRow, { tool, arguments: args }: Pick<RequestSpend, "tool" | "arguments">) {
  const call = { subject: "tool_call" as const, tool, arguments: args, steps: [] };
  const given = fingerprintOf({ kind: "approval", question: "", options: [], approval: call });
  const isAllowed =
    row.status === "answered" &&
    row.decision === "allow" &&
    given === (row.grantedFingerprint ?? row.fingerprint);
  if (!isAllowed) throw new AppError("worker_request.not_allowed", "This call was not allowed.");
}

/** What an attempt does with its requests: wait, use an approval, take one back. */
export function createAgentRequestService({ db, decisions, notifications, resume }: AgentRequestServiceDeps) {
  const waiters = createKeyedWaiters();
  const stopListening = notifications.on(requestChannel, (id) => waiters.wake(id === "" ? undefined : id));

  /** The request, when it belongs to that attempt and the attempt holds its lease. */
  async function mustHold(id: string, ref: AttemptRef): Promise<RequestRow> {
    const found = await findRowAndHold(db, id);
    if (found === undefined) throw unknownRequest();
    const { row, isHeld } = found;
    if (row.workOrderId !== ref.workOrderId || row.attempt !== ref.attempt || !isHeld) throw leaseLost(ref);
    return row;
  }

  /** Locks for a change by the attempt. */
  async function lockOwn(tx: Tx, id: string, ref: AttemptRef) {
    const held = await lockHeldWork(tx, ref);
    const row = await lockRow(tx, id);
    if (row === undefined || row.taskId !== held.task.id) throw unknownRequest();
    if (row.workOrderId !== ref.workOrderId || row.attempt !== ref.attempt) throw leaseLost(ref);
    return { task: held.task, order: held.order, row };
  }

  /** Leave that is older than a rule which denies the call is worth nothing. */
  async function assertNotDenied(tx: Tx, row: RequestRow): Promise<void> {
    const denial = await denialOf(tx, decisions, row);
    if (denial === undefined) return;
    const message = `The rule ${denial.ruleId} denies this call since: ${denial.reason}`;
    throw new AppError("worker_request.not_allowed", message, { data: { ruleId: denial.ruleId } });
  }

  return {
    /**
     * Waits until the request is settled, at most so long, and says how it stands. Holds no connection meanwhile.
     * @throws AppError `worker_request.not_found`, `work_order.lease_lost`
     */
    wait: async (
      actor: Actor,
      id: string,
      { waitSeconds, ...ref }: AttemptRef & { waitSeconds: number },
      signal: AbortSignal,
    ): Promise<WorkerRequest> => {
      assertOwnAttempt(actor, ref);
      const endMs = performance.now() + waitSeconds * 1_000;
      using over = overWith(signal);
      for (;;) {
        const leftMs = endMs - performance.now();
        const woken = waiters.wait(id, Math.min(leftMs, lookMs), over.signal);
        const row = await mustHold(id, ref);
        if (!isLiveRequestStatus(row.status) || leftMs <= 0 || signal.aborted) {
          if (!isLiveRequestStatus(row.status) && row.deliveredAt === null)
            await inTransaction(db, (tx) => markDelivered(tx, row));
          return await mustReadRequest(db, id);
        }
        await woken;
      }
    },

    /**
     * Uses an approval for the call it was given for, once. A repeat by the same attempt is taken for a reply that got lost. Leave that is
     * older than a rule which denies the call is worth nothing.
     * @throws AppError `worker_request.not_allowed`, `worker_request.spent`, `work_order.lease_lost`
     */
    spend: (
      actor: Actor,
      id: string,
      { tool, arguments: args, ...ref }: RequestSpend,
    ): Promise<WorkerRequest> => {
      assertOwnAttempt(actor, ref);
      return inTransaction(db, async (tx) => {
        const { row } = await lockOwn(tx, id, ref);
        assertAllowed(row, { tool, arguments: args });
        if (row.spentAt !== null && row.spentByAttempt !== ref.attempt)
          throw new AppError("worker_request.spent", "The approval was used by another attempt.");
        if (row.spentAt === null) await assertNotDenied(tx, row);
        if (row.spentAt === null && (await spendRow(tx, row)) === undefined)
          throw new AppError("worker_request.spent", "The approval was used already.");
        return await mustReadRequest(tx, id);
      });
    },

    /** Takes a request back. One that is settled stays as it is. @throws AppError `work_order.lease_lost` */
    withdraw: (
      actor: Actor,
      id: string,
      { reason, ...ref }: AttemptRef & { reason: string },
    ): Promise<WorkerRequest> => {
      assertOwnAttempt(actor, ref);
      return inTransaction(db, async (tx) => {
        const locked = await lockOwn(tx, id, ref);
        if (isLiveRequestStatus(locked.row.status))
          await settle(tx, resume, locked, {
            ...{ event: "cancel", source: "system", sourceId: null, by: "the agent" },
            reason,
          });
        return await mustReadRequest(tx, id);
      });
    },

    stop: (): void => {
      stopListening();
      waiters.wake();
    },
  };
}

export type AgentRequestService = ReturnType<typeof createAgentRequestService>;
