import { isLiveRequestStatus } from "@agentvine/contracts";
import type { Logger } from "@agentvine/kit";
import type { Db, Tx } from "../../database/client.ts";
import { inTransaction } from "../../database/transaction.ts";
import { escalateRow, loseControllerLeases, routeToHuman, type Settlement } from "./request.repository.ts";
import { findAbandoned, findOverdue, findUnanswered, isOverdueRow } from "./request-sweeps.repository.ts";
import type { ResumePort } from "./resume.port.ts";
import { type LockedRequest, lockRequest, settle } from "./settle.service.ts";

export interface RequestSweepDeps {
  db: Db;
  resume: ResumePort;
  logger: Logger;
  /** How long a request may wait for a controller before a person has it, in milliseconds. */
  handOverMs: number;
}

const batchMax = 100;
const deadline = { source: "deadline", sourceId: null, by: "its deadline" } as const;

/** What becomes of a request whose deadline has passed. Nothing is ever allowed by it. */
function onDeadline({ row, order }: LockedRequest): Settlement {
  if (order?.status !== "claimed" && order?.status !== "parked")
    return { ...deadline, event: "expire", reason: "its deadline passed while no agent waited for it" };
  const reason = "nobody answered before its deadline";
  if (row.onTimeout === "deny" || (row.onTimeout === "escalate" && row.kind === "approval"))
    return { ...deadline, event: "deny", decision: row.kind === "approval" ? "deny" : null, reason };
  return { ...deadline, event: "give_no_answer", reason };
}

/** What happens to requests by themselves: deadlines, escalation, hand-over to people, the end of the work they were raised for. */
export function createRequestSweeps({ db, resume, logger, handOverMs }: RequestSweepDeps) {
  /** Does something about each request that still needs it once its locks are held. Returns about how many. */
  async function each(
    ids: readonly string[],
    act: (tx: Tx, locked: LockedRequest) => Promise<boolean>,
  ): Promise<number> {
    let done = 0;
    for (const id of ids) {
      const isDone = await inTransaction(db, async (tx) => {
        const locked = await lockRequest(tx, resume, id);
        return locked !== undefined && isLiveRequestStatus(locked.row.status) && (await act(tx, locked));
      });
      if (isDone) done += 1;
    }
    return done;
  }

  return {
    batchMax,

    /**
     * Requests whose deadline has passed: from a model to people, among people to the next of the chain, and at its end denied, or told
     * that nobody answered.
     */
    passDeadlines: async (): Promise<number> =>
      await each(await findOverdue(db, batchMax), async (tx, locked) => {
        const { row } = locked;
        if (!(await isOverdueRow(tx, row.id))) return false;
        if (row.status === "automated") {
          await routeToHuman(tx, row, "no model answered in its time");
          return true;
        }
        const [next, ...rest] = row.escalation;
        if (row.onTimeout === "escalate" && next !== undefined) {
          await escalateRow(tx, row, next, rest);
          return true;
        }
        return (await settle(tx, resume, locked, onDeadline(locked))) !== undefined;
      }),

    /** Requests that no controller has taken, or whose controller has vanished. */
    handOver: async (): Promise<number> => {
      const lost = await loseControllerLeases(db);
      if (lost > 0) logger.warn({ lost }, "controllers lost the lease of worker requests");
      return await each(await findUnanswered(db, handOverMs, batchMax), async (tx, { row }) => {
        if (row.status !== "automated" || row.leaseExpiresAt !== null) return false;
        const reason =
          row.lostLeases > 0 ? "the controller vanished while it thought" : "no controller took it";
        await routeToHuman(tx, row, reason);
        return true;
      });
    },

    /** Requests of tasks whose work has ended. */
    supersedeAbandoned: async (): Promise<number> =>
      await each(await findAbandoned(db, batchMax), async (tx, locked) => {
        const reason = `the task is ${locked.task.status.replaceAll("_", " ")}`;
        const how = {
          event: "supersede",
          source: "system",
          sourceId: null,
          by: "AgentVine",
          reason,
        } as const;
        return (await settle(tx, resume, locked, how)) !== undefined;
      }),
  };
}
