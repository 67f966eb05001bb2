import { createHash } from "node:crypto";
import type { ContextDocument } from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";
import type { Actor } from "../../actor.ts";
import type { Db } from "../../database/client.ts";
import { inTransaction } from "../../database/transaction.ts";
import { saidText } from "./answers-text.ts";
import type { CitationsPort, ControllersPort, ProposedDocument } from "./controllers.port.ts";
import { unknownRequest } from "./request.ts";
import { findRow, type RequestRow } from "./request-row.repository.ts";

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

function documentOf(row: RequestRow, author: string): ProposedDocument {
  const rests = (row.citations ?? []).map(
    ({ title, quote }) => `- an earlier answer to: ${title}${quote === "" ? "" : `\n  "${quote}"`}`,
  );
  return {
    id: idOf(row),
    title: row.question.replaceAll(/\s+/g, " ").trim().slice(0, titleCharactersMax),
    content: [
      `Question: ${row.question}`,
      `Answer: ${saidText(row)}`,
      `Rests on:\n\n${rests.join("\n")}`,
    ].join("\n\n"),
    tags: ["answer"],
    repositoryId: row.repositoryId,
    author,
  };
}

/** True of what a controller answered from people's words alone: what stands in a document needs no other one. */
const isGrounded = (row: RequestRow, controllerId: string): boolean =>
  row.status === "answered" &&
  row.kind !== "approval" &&
  row.answerSource === "controller" &&
  row.answerSourceId === controllerId &&
  (row.citations?.length ?? 0) > 0 &&
  (row.citations ?? []).every((citation) => citation.kind === "precedent");

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
      return await inTransaction(db, async (tx) => {
        const row = await findRow(tx, id);
        if (row === undefined) throw unknownRequest();
        if (!isGrounded(row, controllerId))
          throw new AppError("document.not_grounded", "The answer can't be proposed as a document.");
        return await documents.propose(tx, documentOf(row, controllerId));
      });
    },
  };
}

export type ProposeDocumentService = ReturnType<typeof createProposeDocumentService>;
