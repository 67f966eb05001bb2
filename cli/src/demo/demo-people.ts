import type { Client } from "@agentvine/client";
import { type Event, endpoints, type RequestAnswerBody, type WorkerRequest } from "@agentvine/contracts";
import { coerceError } from "@agentvine/kit";
import type { Output } from "../output/output.ts";
import { requestDetails } from "../output/request-view.ts";

/** Somebody who decides what waits for a person. Undefined: somebody else did meanwhile, or the demo ends. */
export interface Decider {
  /** As the table names them. */
  readonly name: string;
  decide(request: WorkerRequest, signal: AbortSignal): Promise<RequestAnswerBody | undefined>;
}

export interface DemoPeopleOptions {
  readonly client: Client;
  readonly output: Output;
  readonly decider: Decider;
  /** Fires when the demo ends. */
  readonly signal: AbortSignal;
}

/** Takes what waits for a person to whoever decides it, one request after the other, and answers over the public API. */
export class DemoPeople {
  readonly #options: DemoPeopleOptions;
  readonly #waiting = new Map<string, AbortController>();
  readonly #decided = new Set<string>();
  #last: Promise<void> = Promise.resolve();

  constructor(options: DemoPeopleOptions) {
    this.#options = options;
    options.signal.addEventListener("abort", () => {
      for (const waiting of this.#waiting.values()) waiting.abort();
    });
  }

  readonly onEvent = (event: Event): void => {
    const { requestId, status } = event.data;
    if (typeof requestId !== "string" || !event.type.startsWith("worker_request.")) return;
    if (status !== "human") {
      this.#waiting.get(requestId)?.abort();
      return;
    }
    if (this.#waiting.has(requestId) || this.#options.signal.aborted) return;
    const over = new AbortController();
    this.#waiting.set(requestId, over);
    this.#last = this.#last
      .then(() => this.#handle(requestId, over.signal))
      .catch((error: unknown) => this.#options.output.note(`request: ${coerceError(error).message}`))
      .finally(() => this.#waiting.delete(requestId));
  };

  /** Who decided a request here; undefined when it was somebody else. */
  deciderOf(requestId: string): string | undefined {
    return this.#decided.has(requestId) ? this.#options.decider.name : undefined;
  }

  /** Resolves when nobody is being asked any more. */
  async settled(): Promise<void> {
    await this.#last;
  }

  async #handle(requestId: string, signal: AbortSignal): Promise<void> {
    const { client, output, decider } = this.#options;
    const request = await client.call(endpoints.workerRequests.get, { params: { requestId } });
    if (signal.aborted || request.status !== "human") return;
    output.note(`\n${requestDetails(request, output)}\n`);
    const body = await decider.decide(request, signal);
    if (body === undefined) return;
    const answered = await client.call(endpoints.workerRequests.answer, { params: { requestId }, body });
    this.#decided.add(requestId);
    const what = answered.answer?.decision ?? "answered";
    output.note(`${output.colors.bold(decider.name)}: ${what}`);
  }
}
