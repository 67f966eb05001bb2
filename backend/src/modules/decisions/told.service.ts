import type { SenderKind } from "@agentvine/contracts";
import type { Tx } from "../../database/client.ts";
import { recordAnswerMessage, recordRequestMessage } from "../chat/index.ts";
import { outcomeText } from "./answers-text.ts";
import { headlineOf } from "./request.ts";
import type { RequestRow } from "./request-row.repository.ts";

/** Shows a request in the conversation of its task. */
export const tellRequest = (tx: Tx, row: RequestRow): Promise<void> =>
  recordRequestMessage(tx, {
    taskId: row.taskId,
    workerRequestId: row.id,
    content: headlineOf(row),
    senderKind: "agent",
    senderId: null,
    metadata: { kind: row.kind },
  });

const senderOf: Record<NonNullable<RequestRow["answerSource"]>, SenderKind> = {
  person: "person",
  controller: "controller",
  rule: "system",
  precedent: "system",
  deadline: "system",
  system: "system",
};

/** Shows how a request was settled in the conversation of its task. */
export const tellOutcome = (tx: Tx, row: RequestRow): Promise<void> =>
  recordAnswerMessage(tx, {
    taskId: row.taskId,
    workerRequestId: row.id,
    content: outcomeText(row),
    senderKind: senderOf[row.answerSource ?? "system"],
    senderId: row.answerSource === "person" ? row.answerSourceId : null,
    metadata: { status: row.status, source: row.answerSource, citations: row.citations ?? [] },
  });
