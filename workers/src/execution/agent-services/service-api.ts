import type { Client } from "@agentvine/client";
import { type DocumentMatch, endpoints, type Subtask, type SubtaskFields } from "@agentvine/contracts";
import type { AttemptRef } from "../decisions/decision-api.ts";

/** What an attempt looks up and proposes, with its own token. Each is one try. */
export interface ServiceApi {
  /** Documents that fit the attempt's task and the text, best first. */
  match(text: string, signal: AbortSignal): Promise<readonly DocumentMatch[]>;
  propose(fields: SubtaskFields, signal: AbortSignal): Promise<Subtask>;
}

const timeoutMs = 10_000;

export const createServiceApi = (client: Client, ref: AttemptRef): ServiceApi => ({
  match: async (text, signal) => {
    const body = { ...ref, text };
    return (await client.call(endpoints.context.forAttempt, { body, signal, timeoutMs })).items;
  },
  propose: (fields, signal) =>
    client.call(endpoints.tasks.createForAttempt, { body: { ...fields, ...ref }, signal, timeoutMs }),
});
