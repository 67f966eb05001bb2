import type { Usage } from "@agentvine/contracts";
import { addUsage, costUsd, noUsage, totalTokens } from "@agentvine/model";
import type { AgentEvent, AgentOutcome, AgentTurnResult } from "../agent-driver.ts";
import { abortedOutcome } from "../turn-abort.ts";
import { LoopGuard, repeatsMax, repeatsTold } from "./loop-guard.ts";
import type { LoopParts } from "./loop-parts.ts";
import {
  type Message,
  nudgeMessage,
  type ToolCallPart,
  type ToolResultPart,
  toolResult,
  userMessage,
} from "./message.ts";
import { ModelAsker } from "./model-asker.ts";
import type { ModelAnswer } from "./model-call.ts";
import { runToolCall } from "./tools/run-tool-call.ts";
import { toolbox } from "./tools/toolbox.ts";

const nudgesMax = 2;
/** Steps in a row in which no call could be understood. */
const nonsenseStepsMax = 5;
const stepsLeftTold = 3;
const commandTimeoutMsDefault = 120_000;

/** The steps of one turn. A step is one answer of the model and the tools it calls. */
export class AgentLoop {
  readonly #parts: LoopParts;
  readonly #guard = new LoopGuard();
  readonly #asker: ModelAsker;
  #messages: Message[];
  #step: number;
  #usage: Usage = noUsage;
  #steps = 0;
  #toolCalls = 0;
  #nudges = 0;
  #nonsenseSteps = 0;

  constructor(parts: LoopParts) {
    this.#parts = parts;
    this.#asker = new ModelAsker(parts, (event) => this.#emit(event));
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
      modelRetries: this.#asker.retries,
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
    return addUsage(this.#parts.usageBefore, this.#usage);
  }

  async #takeStep(): Promise<AgentOutcome | undefined> {
    this.#step += 1;
    this.#steps += 1;
    this.#emit({ type: "step.started", step: this.#step });
    await this.#hear();
    const { messages, result: answer } = await this.#asker.ask(this.#messages);
    this.#messages = [...messages];
    if ("kind" in answer) return answer;
    this.#account(answer);
    if (answer.text !== "") this.#emit({ type: "message", text: answer.text });
    if (answer.finish === "content-filter") {
      return { kind: "refused", reason: answer.text || "the model refused to answer" };
    }
    if (answer.calls.length === 0) return await this.#withoutCalls(answer);
    return await this.#withCalls(answer);
  }

  /** Takes in what people wrote since. @returns false when there is nothing new */
  async #hear(): Promise<boolean> {
    const heard = await this.#parts.heard.next();
    this.#messages.push(...heard.map(userMessage));
    return heard.length > 0;
  }

  #account({ usage }: ModelAnswer): void {
    this.#usage = addUsage(this.#usage, { ...usage, costUsd: costUsd(this.#parts.modelName, usage) });
    this.#emit({ type: "usage", usage: this.#usage });
  }

  /** An answer without a tool call is the end, unless it is none at all or a person has something to say. */
  async #withoutCalls(answer: ModelAnswer): Promise<AgentOutcome | undefined> {
    if (answer.message !== null) this.#messages.push(answer.message);
    const complaint = complaintAbout(answer);
    if (complaint === undefined) {
      // Whoever wrote meanwhile is heard before the work counts as done.
      if (await this.#hear()) return undefined;
      return { kind: "finished", summary: answer.text };
    }
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
    let pendingRequestId: string | undefined;
    for (const call of answer.calls) {
      if (pendingRequestId !== undefined) {
        results.push(toolResult(call, notRunYet, true));
        continue;
      }
      this.#toolCalls += 1;
      const result = await runToolCall(call, answer.malformed.get(call.toolCallId), {
        input,
        commandTimeoutMs,
        redactor,
        words: answer.text,
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
      pendingRequestId = result.pendingRequestId;
      if (repeats >= repeatsMax) circle = goesInCircles(call, repeats);
    }
    if (answer.message !== null) this.#messages.push(answer.message);
    this.#messages.push({ role: "tool", content: this.#withStepNote(results) });
    if (pendingRequestId !== undefined) return { kind: "parked", requestIds: [pendingRequestId] };
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
        heardThrough: this.#parts.heard.through,
      }),
    );
  }

  #emit(event: AgentEvent): void {
    this.#parts.input.onEvent(this.#parts.redactor.value(event));
  }
}

const notRunYet = "not run: an earlier call waits for an answer. Make this call again if it is still needed";

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
