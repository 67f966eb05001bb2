import {
  type BulkAnswer,
  type BulkAnswerReply,
  isLiveRequestStatus,
  type RequestDelegate,
  type WorkerRequest,
} from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";
import type { Actor } from "../../actor.ts";
import type { Db } from "../../database/client.ts";
import { inTransaction } from "../../database/transaction.ts";
import { recordAudit } from "../audit/index.ts";
import type { AnswerService } from "./answer.service.ts";
import { findPersonName, isActivePerson } from "./person.repository.ts";
import { assignRow } from "./request.repository.ts";
import { misfit, unknownRequest } from "./request.ts";
import { areAlike } from "./request-list.repository.ts";
import { mustReadRequest } from "./request-row.repository.ts";
import type { ResumePort } from "./resume.port.ts";
import { lockRequest } from "./settle.service.ts";

export interface InboxServiceDeps {
  db: Db;
  answers: Pick<AnswerService, "answer">;
  resume: ResumePort;
}

/** Refuses one answer for several questions, or one command for several: what is denied is all that need not be the same. */
async function assertAlike(
  db: Db,
  { requests, decision, editedCommand }: Pick<BulkAnswer, "requests" | "decision" | "editedCommand">,
): Promise<void> {
  if (decision === "deny") return;
  const ids = requests.map(({ id }) => id);
  if (await areAlike(db, ids)) return;
  throw misfit(
    editedCommand === undefined ? "requests" : "editedCommand",
    "not all of them ask the same: answer those of one alikeGroup together, the others one by one",
  );
}

/** What people do with several requests, and whom they give one to. */
export function createInboxService({ db, answers, resume }: InboxServiceDeps) {
  return {
    /**
     * Answers each of them, one after the other, in a transaction of its own.
     * @throws AppError `worker_request.answer_invalid` when they do not ask the same and are not denied
     */
    answerAll: async (actor: Actor, { requests, ...given }: BulkAnswer): Promise<BulkAnswerReply> => {
      await assertAlike(db, { requests, ...given });
      const items: BulkAnswerReply["items"] = [];
      for (const { id, generation } of requests) {
        try {
          items.push({ id, request: await answers.answer(actor, id, { generation, ...given }), error: null });
        } catch (error) {
          if (!(error instanceof AppError)) throw error;
          items.push({ id, request: null, error: { code: error.code, message: error.message } });
        }
      }
      return { items };
    },

    /**
     * Gives an open request to somebody. A controller that has it loses it.
     * @throws AppError `worker_request.not_found`, `.settled`, `.answer_invalid` when there is no such person
     */
    delegate: (actor: Actor, id: string, { assignedTo, comment }: RequestDelegate): Promise<WorkerRequest> =>
      inTransaction(db, async (tx) => {
        const locked = await lockRequest(tx, resume, id);
        if (locked === undefined) throw unknownRequest();
        const { row } = locked;
        if (!isLiveRequestStatus(row.status))
          throw new AppError("worker_request.settled", `The request is already ${row.status}.`);
        if (assignedTo !== null && !(await isActivePerson(tx, assignedTo)))
          throw misfit("assignedTo", "there is no such person");
        const by = await findPersonName(tx, actor.userId);
        await assignRow(tx, row, assignedTo, { by, comment });
        await recordAudit(tx, {
          ...{ action: "request.delegated", targetType: "worker_request", targetId: id },
          detail: { taskId: row.taskId, assignedTo, comment },
        });
        return await mustReadRequest(tx, id);
      }),
  };
}

export type InboxService = ReturnType<typeof createInboxService>;
