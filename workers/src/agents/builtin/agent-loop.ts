import type { Usage } from "@agentvine/contracts";
import { retry } from "@agentvine/kit";
import type { LanguageModelV3 } from "@ai-sdk/provider";
import type { AgentEvent, AgentOutcome, AgentTurnInput, AgentTurnResult } from "../agent-driver.ts";
import type { BuiltinDriverConfig } from "../driver-config.ts";
import type { ModelName } from "../model-name.ts";
import type { SecretRedactor } from "../secret-redactor.ts";
import { abortedOutcome } from "../turn-abort.ts";
import { conversationCharacters, trimConversation } from "./context-window.ts";
import { LoopGuard, repeatsMax, repeatsTold } from "./loop-guard.ts";
import { type Message, nudgeMessage, type ToolCallPart, type ToolResultPart, toolResult } from "./message.ts";
import { callModel, type ModelAnswer } from "./model-call.ts";
import { type ModelFault, ModelFaultError, modelFaultOf } from "./model-fault.ts";
import { addUsage, costUsd, noUsage, totalTokens } from "./price.ts";
import { contextTokensOf } from "./resolve-model.ts";
import { runToolCall } from "./tools/run-tool-call.ts";
import { toolbox } from "./tools/toolbox.ts";

const nudgesMax = 2;
/** Steps in a row in which no call could be understood. */
const nonsenseStepsMax = 5;
const stepsLeftTold = 3;
const commandTimeoutMsDefault = 120_000;
const streamIdleMsDefault = 180_000;
const retryDefault = { attemptsMax: 6, elapsedMsMax: 300_000, baseMs: 1_000, maxMs: 30_000 };
/** Of what the model takes in, how much the conversation may fill; the rest is for its answer. */
const contextShare = 0.8;
/** Trimmed this far down, so that it does not happen again at once. */
const trimShare = 0.6;
const charactersPerTokenGuess = 3.5;

export interface AgentLoopParts {
  readonly config: BuiltinDriverConfig;
  readonly modelName: ModelName;
  readonly model: LanguageModelV3;
  readonly input: AgentTurnInput;
  readonly redactor: SecretRedactor;
  readonly messages: Message[];
}

/** The steps of one turn. A step is one answer of the model and the tools it calls. */
export class AgentLoop {
  readonly #parts: AgentLoopParts;
  readonly #guard = new LoopGuard();
  readonly #declarations = toolbox.map((tool) => tool.declaration);
  readonly #declarationCharacters = JSON.stringify(this.#declarations).length;
  #messages: Message[];
  #step: number;
  #usage: Usage = noUsage;
  #charactersPerToken = charactersPerTokenGuess;
  #steps = 0;
  #toolCalls = 0;
  #modelRetries = 0;
  #nudges = 0;
  #nonsenseSteps = 0;

  constructor(parts: AgentLoopParts) {
    this.#parts = parts;
    this.#messages = parts.messages;
    this.#step = parts.input.transcript?.step ?? 0;
  }

  async run(): Promise<AgentTurnResult> {
    const outcome = await this.#untilEnd();
    // Whoever cut the turn off does not go on from here, and may no longer be allowed to store anything.
    if (outcome.kind !== "cancelled" && outcome.kind !== "timed_out") await this.#checkpoint();
    return {
      outcome,
      usage: this.#usage,
      steps: this.#steps,
      toolCalls: this.#toolCalls,
      modelRetries: this.#modelRetries,
    };
  }

  async #untilEnd(): Promise<AgentOutcome> {
    const { signal } = this.#parts.input;
    for (;;) {
      if (signal.aborted) return abortedOutcome(signal);
      const outcome = this.#limitReached() ?? (await this.#takeStep());
      if (signal.aborted) return abortedOutcome(signal);
      if (outcome !== undefined) return outcome;
    }
  }

  #limitReached(): AgentOutcome | undefined {
    const { stepsMax, tokensMax } = this.#parts.input.limits;
    if (this.#step >= stepsMax) {
      return { kind: "limit_reached", limit: "steps", reason: `not done after ${stepsMax} steps` };
    }
    const used = totalTokens(this.#usageInAll());
    if (used >= tokensMax) {
      return {
        kind: "limit_reached",
        limit: "tokens",
        reason: `not done after ${used} of ${tokensMax} tokens`,
      };
    }
    return undefined;
  }

  #usageInAll(): Usage {
    return addUsage(this.#parts.input.transcript?.usage ?? noUsage, this.#usage);
  }

  async #takeStep(): Promise<AgentOutcome | undefined> {
    this.#step += 1;
    this.#steps += 1;
    this.#emit({ type: "step.started", step: this.#step });
    const answer = await this.#askModel();
    if ("kind" in answer) return answer;
    this.#account(answer);
    if (answer.text !== "") this.#emit({ type: "message", text: answer.text });
    if (answer.finish === "content-filter") {
      return { kind: "refused", reason: answer.text || "the model refused to answer" };
    }
    if (answer.calls.length === 0) return this.#withoutCalls(answer);
    return await this.#withCalls(answer);
  }

  /** The model's answer, asked for again as often as makes sense; or how the turn ends without one. */
  async #askModel(): Promise<ModelAnswer | AgentOutcome> {
    const { contextTokensMax = contextTokensOf(this.#parts.modelName) } = this.#parts.config;
    const charactersMax = contextTokensMax * contextShare * this.#charactersPerToken;
    if (this.#characters() > charactersMax) this.#trimTo(charactersMax * trimShare);
    try {
      return await this.#askWithRetries();
    } catch (error) {
      if (this.#parts.input.signal.aborted) return abortedOutcome(this.#parts.input.signal);
      const fault = modelFaultOf(error);
      // The provider counts better than we do: once more, with half of it.
      if (fault.kind !== "too_long" || !this.#trimTo(this.#characters() / 2)) return outcomeOf(fault);
    }
    try {
      return await this.#askWithRetries();
    } catch (error) {
      const { signal } = this.#parts.input;
      return signal.aborted ? abortedOutcome(signal) : outcomeOf(modelFaultOf(error));
    }
  }

  async #askWithRetries(): Promise<ModelAnswer> {
    const { config, model, input, redactor } = this.#parts;
    const ask = async (): Promise<ModelAnswer> => {
      try {
        return await callModel({
          model,
          system: input.system,
          messages: this.#messages,
          tools: this.#declarations,
          outputTokensMax: config.outputTokensMax,
          streamIdleMs: config.streamIdleMs ?? streamIdleMsDefault,
          signal: input.signal,
        });
      } catch (error) {
        input.signal.throwIfAborted();
        throw new ModelFaultError(modelFaultOf(error));
      }
    };
    return await retry(ask, {
      ...(config.retry ?? retryDefault),
      isRetryable: (error) => modelFaultOf(error).kind === "transient",
      retryAfterMs: (error) => {
        const fault = modelFaultOf(error);
        return fault.kind === "transient" ? fault.retryAfterMs : undefined;
      },
      signal: input.signal,
      onRetry: (error, attempt, delayMs) => {
        this.#modelRetries += 1;
        this.#emit({
          type: "model.retried",
          attempt,
          delayMs,
          reason: redactor.text(modelFaultOf(error).reason),
        });
      },
    });
  }

  /** Everything that is sent with each request. */
  #characters(): number {
    const { system } = this.#parts.input;
    return system.length + this.#declarationCharacters + conversationCharacters(this.#messages);
  }

  /** Trims the conversation; false when that changed nothing. */
  #trimTo(charactersMax: number): boolean {
    const fixed = this.#characters() - conversationCharacters(this.#messages);
    const { messages, droppedMessages } = trimConversation(this.#messages, charactersMax - fixed);
    this.#messages = messages;
    if (droppedMessages > 0) this.#emit({ type: "context.trimmed", droppedMessages });
    return droppedMessages > 0;
  }

  #account({ usage }: ModelAnswer): void {
    const { modelName } = this.#parts;
    this.#usage = addUsage(this.#usage, { ...usage, costUsd: costUsd(modelName, usage) });
    const inputTokens = usage.inputTokens + usage.cacheReadTokens + usage.cacheWriteTokens;
    if (inputTokens > 1_000) {
      // How this model really counts this conversation.
      const ratio = this.#characters() / inputTokens;
      this.#charactersPerToken = Math.min(5, Math.max(1.5, ratio));
    }
    this.#emit({ type: "usage", usage: this.#usage });
  }

  /** An answer without a tool call is the end, unless it is none at all. */
  #withoutCalls(answer: ModelAnswer): AgentOutcome | undefined {
    if (answer.message !== null) this.#messages.push(answer.message);
    const complaint = complaintAbout(answer);
    if (complaint === undefined) return { kind: "finished", summary: answer.text };
    this.#nudges += 1;
    if (this.#nudges > nudgesMax) {
      return {
        kind: "failed",
        reason: `the model gave no usable answer ${this.#nudges} times: ${complaint}`,
      };
    }
    this.#messages.push(
      nudgeMessage(`${complaint} Go on with the task by calling tools, or say what you did.`),
    );
    return undefined;
  }

  async #withCalls(answer: ModelAnswer): Promise<AgentOutcome | undefined> {
    const { config, input, redactor } = this.#parts;
    const commandTimeoutMs = config.commandTimeoutMs ?? commandTimeoutMsDefault;
    const results: ToolResultPart[] = [];
    let hasEffects = false;
    let isNonsense = true;
    let circle: AgentOutcome | undefined;
    for (const call of answer.calls) {
      this.#toolCalls += 1;
      const result = await runToolCall(call, answer.malformed.get(call.toolCallId), {
        input,
        commandTimeoutMs,
        redactor,
      });
      if (input.signal.aborted) return abortedOutcome(input.signal);
      const repeats = this.#guard.note({
        ...result,
        name: call.toolName,
        input: call.input,
        result: result.text,
      });
      results.push(toolResult(call, result.text + noteOn(repeats), result.isError));
      hasEffects ||= result.hasEffects;
      isNonsense &&= result.isNonsense;
      if (repeats >= repeatsMax) circle = goesInCircles(call, repeats);
    }
    if (answer.message !== null) this.#messages.push(answer.message);
    this.#messages.push({ role: "tool", content: this.#withStepNote(results) });
    const outcome = circle ?? this.#tooMuchNonsense(isNonsense);
    if (outcome === undefined && hasEffects) await this.#checkpoint();
    return outcome;
  }

  #tooMuchNonsense(isNonsense: boolean): AgentOutcome | undefined {
    this.#nonsenseSteps = isNonsense ? this.#nonsenseSteps + 1 : 0;
    if (!isNonsense) this.#nudges = 0;
    return this.#nonsenseSteps < nonsenseStepsMax
      ? undefined
      : { kind: "failed", reason: `the model made no valid tool call in ${nonsenseStepsMax} steps in a row` };
  }

  /** Tells the model when its steps run out, so that it can bring its work to an end. */
  #withStepNote(results: ToolResultPart[]): ToolResultPart[] {
    const left = this.#parts.input.limits.stepsMax - this.#step;
    const last = results.at(-1);
    if (left > stepsLeftTold || left < 1 || last === undefined) return results;
    const { output } = last;
    if (output.type !== "text" && output.type !== "error-text") return results;
    const value = `${output.value}\n[${left} steps left: bring your work to an end]`;
    return [...results.slice(0, -1), { ...last, output: { ...output, value } }];
  }

  async #checkpoint(): Promise<void> {
    const { input, redactor } = this.#parts;
    await input.onCheckpoint(
      redactor.value({
        driver: "builtin" as const,
        step: this.#step,
        messages: this.#messages,
        usage: this.#usageInAll(),
      }),
    );
  }

  #emit(event: AgentEvent): void {
    this.#parts.input.onEvent(this.#parts.redactor.value(event));
  }
}

const noteOn = (repeats: number): string =>
  repeats < repeatsTold
    ? ""
    : `\n[you made this same call ${repeats} times with the same result: do something else]`;

const goesInCircles = (call: ToolCallPart, repeats: number): AgentOutcome => ({
  kind: "failed",
  reason: `the agent goes in circles: it called ${call.toolName} ${repeats} times in the same way with the same result`,
});

/** What is wrong with an answer that calls no tool; nothing when it is a plain end. */
function complaintAbout({ text, finish }: ModelAnswer): string | undefined {
  if (finish === "length") return "Your answer was cut off at the output limit.";
  if (text === "") return "Your answer was empty.";
  if (finish === "tool-calls" || looksLikeCall.test(text)) {
    return "You wrote a tool call as text; tools are called through the API.";
  }
  return undefined;
}

const looksLikeCall = new RegExp(
  `<tool_call>|<function=|"(?:name|tool|function)"\\s*:\\s*"(?:${toolbox.map(({ name }) => name).join("|")})"`,
);

function outcomeOf(fault: ModelFault): AgentOutcome {
  if (fault.kind !== "transient") return { kind: "failed", reason: fault.reason };
  const { reason, retryAfterMs } = fault;
  return { kind: "model_unavailable", reason, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}
