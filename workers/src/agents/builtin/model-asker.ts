import { retry } from "@agentvine/kit";
import {
  contextTokensOf,
  type ModelFault,
  ModelFaultError,
  modelFaultOf,
  outputTokensMaxOf,
} from "@agentvine/model";
import type { AgentEvent, AgentOutcome } from "../agent-driver.ts";
import { abortedOutcome } from "../turn-abort.ts";
import { conversationCharacters, trimConversation, withoutReasoning } from "./context-window.ts";
import type { LoopParts } from "./loop-parts.ts";
import type { Message } from "./message.ts";
import { callModel, type ModelAnswer } from "./model-call.ts";
import { toolsOf } from "./tools/toolbox.ts";

const streamIdleMsDefault = 180_000;
const retryDefault = { attemptsMax: 6, elapsedMsMax: 300_000, baseMs: 1_000, maxMs: 30_000 };
/** Of what the model takes in, how much the conversation may fill; the rest is for its answer. */
const contextShare = 0.8;
/** Trimmed this far down, so that it does not happen again at once. */
const trimShare = 0.6;
const charactersPerTokenGuess = 3.5;
/** Fewer tokens say too little about how a model counts. */
const inputTokensTelling = 1_000;

/** The answer, or how the turn ends without one; and the conversation, which may have been trimmed. */
export interface Asked {
  readonly messages: readonly Message[];
  readonly result: ModelAnswer | AgentOutcome;
}

/** Asks the model as often as makes sense, with a conversation that fits. */
export class ModelAsker {
  readonly #parts: LoopParts;
  readonly #emit: (event: AgentEvent) => void;
  readonly #declarations;
  readonly #fixedCharacters: number;
  #charactersPerToken = charactersPerTokenGuess;
  #messages: readonly Message[] = [];
  /** How often the model was asked again. */
  retries = 0;

  constructor(parts: LoopParts, emit: (event: AgentEvent) => void) {
    this.#parts = parts;
    this.#emit = emit;
    this.#declarations = toolsOf(parts.input).map((tool) => tool.declaration);
    this.#fixedCharacters = parts.input.system.length + JSON.stringify(this.#declarations).length;
  }

  async ask(messages: readonly Message[]): Promise<Asked> {
    this.#messages = messages;
    const { contextTokensMax = contextTokensOf(this.#parts.modelName) } = this.#parts.config;
    const charactersMax = contextTokensMax * contextShare * this.#charactersPerToken;
    if (this.#characters() > charactersMax) this.#trimTo(charactersMax * trimShare);
    const result = await this.#askAndAdapt();
    return { messages: this.#messages, result };
  }

  /** When the provider does not take the conversation as it is, it is changed and sent once more. */
  async #askAndAdapt(): Promise<ModelAnswer | AgentOutcome> {
    try {
      return await this.#askWithRetries();
    } catch (error) {
      const outcome = this.#outcomeOf(error);
      if (outcome.kind !== "failed" || !this.#adaptTo(modelFaultOf(error))) return outcome;
    }
    try {
      return await this.#askWithRetries();
    } catch (error) {
      return this.#outcomeOf(error);
    }
  }

  #adaptTo(fault: ModelFault): boolean {
    // The provider counts better than we do.
    if (fault.kind === "too_long") return this.#trimTo(this.#characters() / 2);
    if (fault.kind !== "reasoning_refused") return false;
    this.#messages = withoutReasoning(this.#messages);
    return true;
  }

  #outcomeOf(error: unknown): AgentOutcome {
    const { signal } = this.#parts.input;
    if (signal.aborted) return abortedOutcome(signal);
    const fault = modelFaultOf(error);
    if (fault.kind !== "transient") return { kind: "failed", reason: fault.reason };
    const { reason, retryAfterMs } = fault;
    return { kind: "model_unavailable", reason, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
  }

  async #askWithRetries(): Promise<ModelAnswer> {
    const answer = await retry(() => this.#askOnce(), {
      ...(this.#parts.config.retry ?? retryDefault),
      isRetryable: (error) => modelFaultOf(error).kind === "transient",
      retryAfterMs: (error) => {
        const fault = modelFaultOf(error);
        return fault.kind === "transient" ? fault.retryAfterMs : undefined;
      },
      signal: this.#parts.input.signal,
      onRetry: (error, attempt, delayMs) => {
        this.retries += 1;
        this.#emit({ type: "model.retried", attempt, delayMs, reason: modelFaultOf(error).reason });
      },
    });
    this.#learnFrom(answer);
    return answer;
  }

  async #askOnce(): Promise<ModelAnswer> {
    const { config, model, modelName, input } = this.#parts;
    try {
      return await callModel({
        model,
        system: input.system,
        messages: this.#messages,
        tools: this.#declarations,
        outputTokensMax: config.outputTokensMax ?? outputTokensMaxOf(modelName),
        streamIdleMs: config.streamIdleMs ?? streamIdleMsDefault,
        signal: input.signal,
      });
    } catch (error) {
      input.signal.throwIfAborted();
      throw new ModelFaultError(modelFaultOf(error));
    }
  }

  /** How this model really counts this conversation. */
  #learnFrom({ usage }: ModelAnswer): void {
    const inputTokens = usage.inputTokens + usage.cacheReadTokens + usage.cacheWriteTokens;
    if (inputTokens < inputTokensTelling) return;
    this.#charactersPerToken = Math.min(5, Math.max(1.5, this.#characters() / inputTokens));
  }

  /** Everything that is sent with each request. */
  #characters(): number {
    return this.#fixedCharacters + conversationCharacters(this.#messages);
  }

  /** Trims the conversation; false when that changed nothing. */
  #trimTo(charactersMax: number): boolean {
    const { messages, droppedMessages } = trimConversation(
      this.#messages,
      charactersMax - this.#fixedCharacters,
    );
    this.#messages = messages;
    if (droppedMessages > 0) this.#emit({ type: "context.trimmed", droppedMessages });
    return droppedMessages > 0;
  }
}
