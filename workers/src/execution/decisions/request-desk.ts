import { linkSignals } from "@agentvine/client";
import type { WorkerRequest } from "@agentvine/contracts";
import { type Clock, coerceError, newId, type sleep as realSleep, retry, retryDelayMs } from "@agentvine/kit";
import type { Answer, Desk, Question, Spent, ToolCallFields } from "../../agents/agent-driver.ts";
import { attemptFaultOf, retryAfterMsOf, whileTransient } from "../../base/api-fault.ts";
import type { WaitingTime } from "../waiting-time.ts";
import { answerOf, isLive } from "./answers.ts";
import type { DecisionApi } from "./decision-api.ts";
import { createRaisedFields } from "./raised-fields.ts";

export interface RequestDeskOptions {
  readonly api: DecisionApi;
  /** Values that must reach nobody. */
  readonly secrets: readonly (string | undefined)[];
  /** How long an agent waits for one answer before its turn ends. */
  readonly liveMsMax: number;
  /** Longest reply of the backend that is waited for; agents' tool calls last no longer either. */
  readonly pollSeconds: number;
  readonly waiting: WaitingTime;
  readonly clock: Clock;
  readonly sleep: typeof realSleep;
  /** Ends all waiting: the work was stopped. */
  readonly signal: AbortSignal;
  readonly onLeaseLost: () => void;
  readonly say: (level: "info" | "warn", message: string, metadata?: Record<string, unknown>) => void;
}

const backoff = { baseMs: 200, maxMs: 5_000 };
/** A poll that comes back undecided sooner than this was not waited with. */
const pollMsMin = 500;

/** How long one question is waited for, when that is not as long as the agent may wait. */
export interface AskLimits {
  readonly liveMsMax: number;
  /** Ends the waiting, not the request. */
  readonly signal: AbortSignal;
}

/** A request could not be raised or waited for; the words are for the agent. */
class NoDesk extends Error {}

/**
 * Where an attempt asks: everything is raised at the backend before anybody sees it, and waited for in long polls. It never decides
 * anything itself: what goes wrong becomes `no_answer`.
 */
export class RequestDesk implements Desk {
  readonly #options: RequestDeskOptions;
  readonly #fields: ReturnType<typeof createRaisedFields>;
  readonly #open = new Set<string>();

  constructor(options: RequestDeskOptions) {
    this.#options = options;
    this.#fields = createRaisedFields(options.secrets);
  }

  openRequests(): readonly string[] {
    return [...this.#open];
  }

  /** A turn begins: what an earlier one left open was told to it. */
  forgetOpen(): void {
    this.#open.clear();
  }

  async ask(question: Question, limits?: AskLimits): Promise<Answer> {
    return await this.#typed(limits?.signal, async (signal) => {
      const raised = await this.raise(question, signal);
      return answerOf(await this.waitFor(raised, limits?.liveMsMax ?? this.#options.liveMsMax, signal));
    });
  }

  async spend(requestId: string, call: ToolCallFields): Promise<Spent> {
    const given = { tool: call.tool, arguments: this.#fields.argumentsOf(call.arguments) };
    try {
      await this.#retried((signal) => this.#options.api.spend(requestId, given, signal));
      return { isSpent: true };
    } catch (error) {
      return { isSpent: false, reason: this.#reasonOf(error) };
    }
  }

  /**
   * Writes a question down at the backend, which settles it at once or routes it. Tried until the backend takes it.
   * @throws when it is refused, or the work was stopped
   */
  async raise(question: Question, signal = this.#options.signal): Promise<WorkerRequest> {
    const { api, say } = this.#options;
    const fields = this.#fields.questionOf(question);
    if (typeof fields === "string") throw new NoDesk(fields);
    // One for all tries: a raise whose reply was lost is found again by it.
    const body = { ...fields, callId: newId() };
    const request = await this.#retried(() => api.raise(body, signal), signal);
    say("info", `asked (${question.kind}): ${fields.question}`, metadataOf(request));
    this.#note(request);
    return request;
  }

  /** The request as it stands when it is settled, or after so long. @throws when the work was stopped or the lease is lost */
  async waitFor(
    request: WorkerRequest,
    msMax: number,
    signal = this.#options.signal,
  ): Promise<WorkerRequest> {
    if (!isLive(request)) return request;
    const { waiting, say } = this.#options;
    waiting.begin();
    try {
      const settled = await this.#poll(request, msMax, signal);
      this.#note(settled);
      if (isLive(settled)) say("warn", "nobody has answered yet", metadataOf(settled));
      return settled;
    } finally {
      waiting.end();
    }
  }

  /** Waits as long as it takes: the backend ends every request by its deadline. @throws as `waitFor` */
  async untilSettled(requestIds: readonly string[]): Promise<WorkerRequest[]> {
    const { api, waiting } = this.#options;
    waiting.begin();
    try {
      return await Promise.all(
        requestIds.map(async (id) => {
          const request = await this.#retried((signal) => api.wait(id, 0, signal));
          return await this.waitFor(request, Number.POSITIVE_INFINITY);
        }),
      );
    } finally {
      waiting.end();
    }
  }

  /** How a request stands, waited for at most so long; for agents that come back to ask. Typed, never throws. */
  async lookAt(requestId: string, msMax: number, ends?: AbortSignal): Promise<Answer> {
    return await this.#typed(ends, async (signal) => {
      const request = await this.#retried(() => this.#options.api.wait(requestId, 0, signal), signal);
      this.#note(request);
      return answerOf(await this.waitFor(request, msMax, signal));
    });
  }

  async #poll(request: WorkerRequest, msMax: number, signal: AbortSignal): Promise<WorkerRequest> {
    const { api, clock, sleep, pollSeconds } = this.#options;
    const endMs = clock.monotonicMs() + msMax;
    let latest = request;
    for (let failures = 0; isLive(latest) && clock.monotonicMs() < endMs; ) {
      const askedMs = clock.monotonicMs();
      const seconds = Math.min(pollSeconds, (endMs - askedMs) / 1_000);
      try {
        latest = await api.wait(request.id, seconds, signal);
        failures = 0;
      } catch (error) {
        signal.throwIfAborted();
        if (attemptFaultOf(error) !== "transient") throw error;
        failures += 1;
        await sleep(retryDelayMs(failures, retryAfterMsOf(error), backoff), signal);
        continue;
      }
      if (isLive(latest) && clock.monotonicMs() - askedMs < Math.min(pollMsMin, seconds * 1_000))
        await sleep(pollMsMin, signal);
    }
    return latest;
  }

  #note(request: WorkerRequest): void {
    if (isLive(request)) this.#open.add(request.id);
    else this.#open.delete(request.id);
  }

  async #retried<T>(call: (signal: AbortSignal) => Promise<T>, signal = this.#options.signal): Promise<T> {
    const { clock, sleep } = this.#options;
    return await retry(() => call(signal), {
      ...backoff,
      ...whileTransient,
      signal,
      clock,
      sleep,
    });
  }

  async #typed(
    ends: AbortSignal | undefined,
    ask: (signal: AbortSignal) => Promise<Answer>,
  ): Promise<Answer> {
    using linked = linkSignals(this.#options.signal, ends);
    try {
      return await ask(linked.signal);
    } catch (error) {
      return { kind: "no_answer", reason: linked.signal.aborted ? stopped : this.#reasonOf(error) };
    }
  }

  #reasonOf(error: unknown): string {
    const { signal, onLeaseLost } = this.#options;
    if (signal.aborted) return stopped;
    if (error instanceof NoDesk) return error.message;
    if (attemptFaultOf(error) === "lease_lost") onLeaseLost();
    return coerceError(error).message;
  }
}

const stopped = "the work was stopped";

const metadataOf = ({ id, status, ruleId }: WorkerRequest): Record<string, unknown> => ({
  requestId: id,
  requestStatus: status,
  ruleId,
});
