import type { Client } from "@agentvine/client";
import {
  type AttemptDocumentMatch,
  type DocumentPage,
  endpoints,
  type Subtask,
  type SubtaskFields,
} from "@agentvine/contracts";
import type { AttemptRef } from "../decisions/decision-api.ts";

/** What an attempt looks up and proposes, with its own token. Each is one try. */
export interface ServiceApi {
  /** Documents that fit the attempt's task and the text, best first, the short ones whole. */
  match(text: string, signal: AbortSignal): Promise<readonly AttemptDocumentMatch[]>;
  /** A document from a place on. */
  readDocument(
    wanted: { readonly documentId: string; readonly offset: number },
    signal: AbortSignal,
  ): Promise<DocumentPage>;
  propose(fields: SubtaskFields, signal: AbortSignal): Promise<Subtask>;
}

const timeoutMs = 10_000;
/** Documents that have no more together are given whole with what was found, which costs less than a call for each. */
const wholeCharactersMax = 8_000;

export const createServiceApi = (client: Client, ref: AttemptRef): ServiceApi => ({
  match: async (text, signal) => {
    const body = { ...ref, text, wholeCharactersMax };
    return (await client.call(endpoints.context.forAttempt, { body, signal, timeoutMs })).items;
  },
  readDocument: (wanted, signal) =>
    client.call(endpoints.context.documentForAttempt, { body: { ...ref, ...wanted }, signal, timeoutMs }),
  propose: (fields, signal) =>
    client.call(endpoints.tasks.createForAttempt, { body: { ...fields, ...ref }, signal, timeoutMs }),
});
