import type { Client } from "@agentvine/client";
import { endpoints } from "@agentvine/contracts";
import { coerceError, type Logger, newId, retry } from "@agentvine/kit";
import type { Heard } from "../agents/agent-driver.ts";
import { attemptFaultOf, whileTransient } from "../base/api-fault.ts";
import type { AttemptRef } from "./decisions/decision-api.ts";
import { heardOf, type ToldMessage } from "./heard-words.ts";
import { redact } from "./redactor.ts";

/** The conversation of the task, as the attempt has it with its own token. Each is one try. */
export interface PeopleApi {
  /** What people wrote for the agent behind a position, oldest first. */
  take(after: number, signal: AbortSignal): Promise<readonly ToldMessage[]>;
  /** Posts for the agent; a repeat with the same id posts nothing new. */
  post(message: { messageId: string; content: string }, signal: AbortSignal): Promise<void>;
}

const patienceMs = 10_000;

export const createPeopleApi = (client: Client, ref: AttemptRef): PeopleApi => ({
  take: async (after, signal) => {
    const body = { ...ref, after };
    return (await client.call(endpoints.chat.takeMessages, { body, signal, timeoutMs: patienceMs })).items;
  },
  post: async (message, signal) => {
    const body = { ...ref, ...message };
    await client.call(endpoints.chat.postAgentMessage, { body, signal, timeoutMs: patienceMs });
  },
});

export interface PeopleOptions {
  readonly api: PeopleApi;
  /** Values that must reach nobody. */
  readonly secrets: readonly (string | undefined)[];
  readonly onLeaseLost: () => void;
  readonly logger: Logger;
  /** Ends all of it: the lease is lost or the work stopped. */
  readonly signal: AbortSignal;
}

const backoff = { baseMs: 500, maxMs: 5_000, elapsedMsMax: 60_000 };
/** So much of what an agent says at once is posted. */
const contentCharactersMax = 20_000;

/** What a running agent and the people of its task say to each other. Nothing in here holds up the work, or ends it. */
export class People {
  readonly #options: PeopleOptions;
  readonly #posts = new Set<Promise<void>>();

  constructor(options: PeopleOptions) {
    this.#options = options;
  }

  /** What people wrote behind a position. While the backend is away that is nothing: it comes with a later step. */
  async hear(after: number): Promise<readonly Heard[]> {
    const { api, signal } = this.#options;
    try {
      return (await api.take(after, signal)).map(heardOf);
    } catch (error) {
      this.#note(error, "people's messages could not be fetched");
      return [];
    }
  }

  /** Posts for the agent, in the background. */
  say(text: string): void {
    const content = redact(text, this.#options.secrets).slice(0, contentCharactersMax);
    if (content.trim() === "") return;
    const posted = this.#post({ messageId: newId(), content }).catch((error: unknown) =>
      this.#note(error, "a message of the agent could not be posted"),
    );
    this.#posts.add(posted);
    void posted.finally(() => this.#posts.delete(posted));
  }

  /** Resolves when nothing is being posted any more. */
  async settled(): Promise<void> {
    await Promise.all(this.#posts);
  }

  #post(message: { messageId: string; content: string }): Promise<void> {
    const { api, signal } = this.#options;
    return retry(() => api.post(message, signal), {
      ...backoff,
      ...whileTransient,
      signal,
    });
  }

  #note(error: unknown, what: string): void {
    const { logger, signal, onLeaseLost } = this.#options;
    if (signal.aborted) return;
    if (attemptFaultOf(error) === "lease_lost") onLeaseLost();
    else logger.warn({ err: coerceError(error) }, what);
  }
}
