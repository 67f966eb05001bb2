import type { Subtask } from "@agentvine/contracts";
import { type Clock, coerceError, retry } from "@agentvine/kit";
import type { AgentServices, ServiceReply } from "../../agents/agent-driver.ts";
import { attemptFaultOf, whileTransient } from "../../base/api-fault.ts";
import type { ProgressReporter } from "../progress.ts";
import { redact } from "../redactor.ts";
import { documentData, documentsText, pageText } from "./document-words.ts";
import type { ServiceApi } from "./service-api.ts";

export interface AgentServicesOptions {
  readonly api: ServiceApi;
  readonly progress: Pick<ProgressReporter, "note">;
  /** Values that must reach nobody. */
  readonly secrets: readonly (string | undefined)[];
  readonly clock: Clock;
  /** Ends all waiting: the work was stopped. */
  readonly signal: AbortSignal;
  readonly onLeaseLost: () => void;
  readonly say: (level: "info" | "warn", message: string, metadata?: Record<string, unknown>) => void;
}

/** An agent's tool call is cut at 60 s: what the backend does not take until then is not taken. */
const elapsedMsMax = 30_000;
/** An agent may tell so much at once, and then one more every so often. */
const notesMax = 10;
const noteEveryMs = 2_000;

const good = <Data>(text: string, data: Data): ServiceReply<Data> => ({ isError: false, text, data });
const bad = (text: string): ServiceReply<never> => ({ isError: true, text, data: null });

/** What agents may look up and tell, for every driver. None of the functions throws: what goes wrong is said in words for the agent. */
export const createAgentServices = (options: AgentServicesOptions): AgentServices => {
  const { api, progress, secrets, clock, signal, say } = options;
  const clean = (text: string): string => redact(text, secrets);
  const notes = createAllowance(clock);

  const tried = async <Data>(work: () => Promise<ServiceReply<Data>>): Promise<ServiceReply<Data>> => {
    try {
      return await retry(work, {
        ...{ baseMs: 200, maxMs: 5_000, elapsedMsMax, signal, clock },
        ...whileTransient,
      });
    } catch (error) {
      if (signal.aborted) return bad("The work was stopped.");
      if (attemptFaultOf(error) === "lease_lost") options.onLeaseLost();
      return bad(coerceError(error).message);
    }
  };

  return {
    getContext: (query) =>
      tried(async () => {
        const documents = await api.match(clean(query), signal);
        return good(documentsText(documents), { documents: documents.map(documentData) });
      }),

    readDocument: ({ documentId, offset = 0 }) =>
      tried(async () => {
        const page = await api.readDocument({ documentId, offset }, signal);
        const { title, version, content, characters } = page;
        const read = `characters ${offset} to ${offset + [...content].length} of ${characters}`;
        say("info", `read a document: ${title} v${version}, ${read}`, { documentId, version });
        return good(pageText(page), page);
      }),

    reportProgress: async ({ message, percent = null }) => {
      if (signal.aborted) return bad("The work was stopped.");
      if (!notes.take()) {
        const text = `Not shown: that was too much at once. One report every ${noteEveryMs / 1_000} seconds is enough.`;
        return bad(text);
      }
      const note = clean(message);
      progress.note(note, percent);
      say("info", percent === null ? note : `${note} (${Math.round(percent)} %)`);
      return good("Noted.", {});
    },

    createSubtask: (given) =>
      tried(async () => {
        const fields = { ...given, title: clean(given.title), description: clean(given.description ?? "") };
        const subtask = await api.propose(fields, signal);
        say("info", `proposed a task: ${subtask.title}`, { subtaskId: subtask.taskId, isNew: subtask.isNew });
        return good(subtaskText(subtask), { ...subtask });
      }),
  };
};

const createAllowance = (clock: Clock) => {
  let left = notesMax;
  let atMs = clock.monotonicMs();
  return {
    take: (): boolean => {
      const nowMs = clock.monotonicMs();
      left = Math.min(notesMax, left + (nowMs - atMs) / noteEveryMs);
      atMs = nowMs;
      if (left < 1) return false;
      left -= 1;
      return true;
    },
  };
};

const subtaskText = ({ taskId, isNew }: Subtask): string =>
  isNew
    ? `Proposed as task ${taskId}. A person decides whether it runs; go on with your own task.`
    : `That was proposed before, as task ${taskId}. Go on with your own task.`;
