import type { Precedent, PrecedentQuery, WorkerRequest, WorkerRequestQuery } from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";
import type { Page } from "../../database/bounded-count.ts";
import type { Db, Tx } from "../../database/client.ts";
import { inTransaction } from "../../database/transaction.ts";
import { recordAudit } from "../audit/index.ts";
import { listPrecedents, revokePrecedent } from "./precedent.repository.ts";
import { listRequests } from "./request-list.repository.ts";
import { mustReadRequest, readRequest } from "./request-row.repository.ts";

/** Worker requests as people look at them. */
export function createRequestListService({ db }: { db: Db }) {
  return {
    list: (query: WorkerRequestQuery, userId: string): Promise<Page<WorkerRequest>> =>
      listRequests(db, query, userId),

    /** @throws AppError `worker_request.not_found` */
    get: (id: string): Promise<WorkerRequest> => mustReadRequest(db, id),

    precedents: (query: PrecedentQuery): Promise<Page<Precedent>> => listPrecedents(db, query),

    /** @throws AppError `precedent.not_found` */
    revokePrecedent: (id: string, userId: string): Promise<Precedent> =>
      inTransaction(db, async (tx) => {
        const precedent = await revokePrecedent(tx, id, userId);
        if (precedent === undefined) throw new AppError("precedent.not_found", "There is no such precedent.");
        await recordAudit(tx, { action: "precedent.revoked", targetType: "precedent", targetId: id });
        return precedent;
      }),
  };
}

export type RequestListService = ReturnType<typeof createRequestListService>;

/** A request as those who are told of it outside of the UI see it; undefined when there is none. */
export async function findWaitingRequest(db: Db | Tx, id: string) {
  const request = await readRequest(db, id);
  if (request === undefined) return undefined;
  const { kind, question, approval, deadlineAt, status } = request;
  return {
    kind,
    question,
    command: approval?.command ?? null,
    deadlineAt: deadlineAt === null ? null : new Date(deadlineAt),
    isWaiting: status === "human",
  };
}
