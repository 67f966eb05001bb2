import { createHash } from "node:crypto";
import type { ContextDocument, WorkerRequest } from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";
import type { Actor } from "../../actor.ts";
import type { Db, Tx } from "../../database/client.ts";
import { inTransaction } from "../../database/transaction.ts";
import type { CitationsPort, ControllersPort, ProposedDocument } from "./controllers.port.ts";
import { unknownRequest } from "./request.ts";
import { findRow, mustReadRequest, type RequestRow } from "./request-row.repository.ts";

export interface ProposeDocumentDeps {
  db: Db;
  controllers: Pick<ControllersPort, "assertOwn">;
  documents: Pick<CitationsPort, "propose">;
}

const titleCharactersMax = 200;

/** A UUID (version 8, made from a hash) that says which question of which repository it is. */
function idOf({ repositoryId, fingerprint }: RequestRow): string {
  const hex = createHash("sha256").update(`${repositoryId} ${fingerprint}`).digest("hex");
  const parts = [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`];
  return [...parts, hex.slice(20, 32)].join("-");
}

/** The answer in words: the option that was chosen, and what was said. */
function answerText({ answer, options }: WorkerRequest): string {
  const choice = options.find(({ id }) => id === answer?.choice)?.label ?? "";
  return [choice, answer?.text ?? ""].filter((text) => text !== "").join(": ");
}

function documentOf(row: RequestRow, request: WorkerRequest, author: string): ProposedDocument {
  const rests = (request.answer?.citations ?? []).map(
    ({ title, quote }) => `- an earlier answer to: ${title}${quote === "" ? "" : `\n  "${quote}"`}`,
  );
  return {
    id: idOf(row),
    title: row.question.replaceAll(/\s+/g, " ").trim().slice(0, titleCharactersMax),
    content: [
      `Question: ${row.question}`,
      `Answer: ${answerText(request)}`,
      `Rests on:\n\n${rests.join("\n")}`,
    ].join("\n\n"),
    tags: ["answer"],
    repositoryId: row.repositoryId,
    author,
  };
}

/** True of what a controller answered from people's words alone: what stands in a document needs no other one. */
const isGrounded = ({ status, kind, answer }: WorkerRequest, controllerId: string): boolean =>
  status === "answered" &&
  kind !== "approval" &&
  answer?.source === "controller" &&
  answer.sourceId === controllerId &&
  answer.citations.length > 0 &&
  answer.citations.every((citation) => citation.kind === "precedent");

/** Makes documents of what controllers answered; people decide whether agents see them. */
export function createProposeDocumentService({ db, controllers, documents }: ProposeDocumentDeps) {
  return {
    /**
     * Proposes an answer as a document. A repeat, or the same question again, gets the one that is there.
     * @throws AppError `worker_request.not_found`, `document.not_grounded`, `controller.not_found`, `auth.forbidden`
     */
    propose: async (
      actor: Actor,
      id: string,
      { controllerId }: { controllerId: string },
    ): Promise<ContextDocument> => {
      await controllers.assertOwn(actor, controllerId);
      return await inTransaction(db, async (tx: Tx) => {
        const row = await findRow(tx, id);
        if (row === undefined) throw unknownRequest();
        const request = await mustReadRequest(tx, id);
        if (!isGrounded(request, controllerId))
          throw new AppError("document.not_grounded", "The answer can't be proposed as a document.");
        return await documents.propose(tx, documentOf(row, request, controllerId));
      });
    },
  };
}

export type ProposeDocumentService = ReturnType<typeof createProposeDocumentService>;
