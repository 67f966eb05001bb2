import type { Clock, sleep as realSleep } from "@agentvine/kit";
import type { Answer, Question } from "../../agents/agent-driver.ts";
import { answerMsMax } from "../../relay/relay-protocol.ts";
import type { RequestDesk } from "../decisions/request-desk.ts";

export interface SteppedQuestionsOptions {
  readonly desk: Pick<RequestDesk, "ask" | "lookAt">;
  /** How long an agent waits for one answer in all. */
  readonly liveMsMax: number;
  /** How long one call waits at most. */
  readonly stepMs: number;
  readonly clock: Clock;
  readonly sleep: typeof realSleep;
  /** Ends all waiting: the turn is over. */
  readonly signal: AbortSignal;
}

/** Where a question stands after one call. */
export type Step =
  | { readonly kind: "settled"; readonly answer: Exclude<Answer, { kind: "pending" }> }
  /** The agent may come back with the ticket; not when its time to wait is over: then it has to end its turn. */
  | { readonly kind: "pending"; readonly ticket: string; readonly isOver: boolean }
  | { readonly kind: "unknown_ticket" }
  | { readonly kind: "too_many" };

interface Asked {
  /** The look that is under way: a call that came back too early leaves it to the next one. */
  look: Promise<Answer> | undefined;
  requestId: string | undefined;
  /** Kept, for a call whose reply was lost. */
  answer: Exclude<Answer, { kind: "pending" }> | undefined;
}

/** So many questions may be open in one turn. */
const openMax = 20;
/** A look that takes longer than its time, because the backend is away, does not hold the call up for longer than this. */
const slackMs = 5_000;

/**
 * Questions of agents whose tool calls are cut after a minute: a call waits one step, and the next one goes on waiting by its ticket.
 * Raised, waited for and parked as every question of the execution is.
 */
export class SteppedQuestions {
  readonly #options: SteppedQuestionsOptions;
  readonly #asked = new Map<string, Asked>();
  /** When a request was first waited for: asked again in the same words, it is the same request. */
  readonly #sinceMs = new Map<string, number>();

  constructor(options: SteppedQuestionsOptions) {
    this.#options = options;
  }

  async ask(question: Question): Promise<Step> {
    if ([...this.#asked.values()].filter(({ answer }) => answer === undefined).length >= openMax)
      return { kind: "too_many" };
    const { desk, signal } = this.#options;
    const ticket = `q${this.#asked.size + 1}`;
    const asked: Asked = { look: undefined, requestId: undefined, answer: undefined };
    this.#asked.set(ticket, asked);
    const startedMs = this.#options.clock.monotonicMs();
    asked.look = desk.ask(question, { liveMsMax: this.#waitMs(startedMs), signal });
    return await this.#step(ticket, asked, startedMs);
  }

  async comeBack(ticket: string): Promise<Step> {
    const asked = this.#asked.get(ticket);
    if (asked === undefined) return { kind: "unknown_ticket" };
    if (asked.answer !== undefined) return { kind: "settled", answer: asked.answer };
    const { desk, signal, clock } = this.#options;
    const nowMs = clock.monotonicMs();
    if (asked.requestId !== undefined) {
      const sinceMs = this.#sinceMs.get(asked.requestId) ?? nowMs;
      asked.look ??= desk.lookAt(asked.requestId, this.#waitMs(sinceMs), signal);
    }
    return await this.#step(ticket, asked, nowMs);
  }

  /** How long a look may wait now, by how long was waited before. */
  #waitMs(sinceMs: number): number {
    const { liveMsMax, stepMs, clock } = this.#options;
    const leftMs = liveMsMax - (clock.monotonicMs() - sinceMs);
    return Math.max(0, Math.min(leftMs, stepMs, answerMsMax - slackMs));
  }

  async #step(ticket: string, asked: Asked, startedMs: number): Promise<Step> {
    const { liveMsMax, clock } = this.#options;
    const answer = asked.look === undefined ? undefined : await this.#orLater(asked.look);
    if (answer !== undefined) asked.look = undefined;
    if (answer !== undefined && answer.kind !== "pending") {
      asked.answer = answer;
      return { kind: "settled", answer };
    }
    if (answer !== undefined) {
      asked.requestId = answer.requestId;
      if (!this.#sinceMs.has(answer.requestId)) this.#sinceMs.set(answer.requestId, startedMs);
    }
    const sinceMs = this.#sinceMs.get(asked.requestId ?? "") ?? startedMs;
    return { kind: "pending", ticket, isOver: clock.monotonicMs() - sinceMs >= liveMsMax };
  }

  async #orLater(look: Promise<Answer>): Promise<Answer | undefined> {
    const { sleep, stepMs } = this.#options;
    const enough = new AbortController();
    const late = sleep(Math.min(stepMs + slackMs, answerMsMax), enough.signal).then(
      () => undefined,
      () => undefined,
    );
    const answer = await Promise.race([look, late]);
    enough.abort();
    return answer;
  }
}
