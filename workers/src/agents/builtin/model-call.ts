import type { Usage } from "@agentvine/contracts";
import { BrokenStreamError, readModelStream, tokensOf } from "@agentvine/model";
import type {
  LanguageModelV3,
  LanguageModelV3FunctionTool,
  LanguageModelV3StreamPart,
  SharedV3ProviderMetadata,
} from "@ai-sdk/provider";
import type { AssistantMessage, Message, ToolCallPart } from "./message.ts";

type Finish = Extract<LanguageModelV3StreamPart, { type: "finish" }>;
type ContentPart = AssistantMessage["content"][number];

/** One complete answer of the model. */
export interface ModelAnswer {
  readonly text: string;
  readonly calls: readonly ToolCallPart[];
  /** Of each call whose arguments were no JSON object: what came instead. */
  readonly malformed: ReadonlyMap<string, string>;
  /** Null when there is nothing in it that could be sent back. */
  readonly message: AssistantMessage | null;
  readonly finish: Finish["finishReason"]["unified"];
  readonly usage: Omit<Usage, "costUsd">;
}

export interface ModelCallInput {
  readonly model: LanguageModelV3;
  readonly system: string;
  readonly messages: readonly Message[];
  readonly tools: LanguageModelV3FunctionTool[];
  readonly outputTokensMax?: number | undefined;
  /** A stream that says nothing for so long is given up. */
  readonly streamIdleMs: number;
  readonly signal: AbortSignal;
}

// Anthropic keeps what stands before such a mark for the next call; other providers do not read it.
const cacheMark = { anthropic: { cacheControl: { type: "ephemeral" } } };

/**
 * Asks the model once and reads its whole answer from the stream.
 * @throws whatever the provider throws, BrokenStreamError, or the signal's reason
 */
export async function callModel(input: ModelCallInput): Promise<ModelAnswer> {
  const answer = new AnswerReader();
  await readModelStream(
    input.model,
    {
      prompt: [
        { role: "system", content: input.system, providerOptions: cacheMark },
        ...input.messages.slice(0, -1),
        ...input.messages.slice(-1).map((message) => ({ ...message, providerOptions: cacheMark })),
      ],
      tools: input.tools,
      ...(input.outputTokensMax === undefined ? {} : { maxOutputTokens: input.outputTokensMax }),
    },
    {
      silenceMsMaxAfter: () => input.streamIdleMs,
      onPart: (part) => answer.read(part),
      signal: input.signal,
    },
  );
  return answer.answer();
}

interface OpenBlock {
  readonly type: "text" | "reasoning";
  text: string;
  providerOptions?: SharedV3ProviderMetadata;
}

/** Puts an answer together from the parts of its stream. */
class AnswerReader {
  readonly #content: ContentPart[] = [];
  readonly #open = new Map<string, OpenBlock>();
  readonly #malformed = new Map<string, string>();
  readonly #ids = new Set<string>();
  #finish: Finish | undefined;

  read(part: LanguageModelV3StreamPart): void {
    switch (part.type) {
      case "text-start":
      case "reasoning-start": {
        const block: OpenBlock = { type: part.type === "text-start" ? "text" : "reasoning", text: "" };
        this.#content.push(block);
        this.#open.set(`${block.type} ${part.id}`, block);
        this.#keepMetadata(block, part.providerMetadata);
        return;
      }
      case "text-delta":
      case "text-end":
        this.#append(`text ${part.id}`, part);
        return;
      case "reasoning-delta":
      case "reasoning-end":
        this.#append(`reasoning ${part.id}`, part);
        return;
      case "tool-call":
        this.#addCall(part);
        return;
      case "finish":
        this.#finish = part;
        return;
      case "error":
        throw part.error;
      default:
    }
  }

  #append(
    key: string,
    part: { readonly delta?: string; readonly providerMetadata?: SharedV3ProviderMetadata },
  ): void {
    const block = this.#open.get(key);
    if (block === undefined) return;
    block.text += part.delta ?? "";
    this.#keepMetadata(block, part.providerMetadata);
  }

  /** Signatures of reasoning must go back to the provider as they came. */
  #keepMetadata(block: OpenBlock, metadata: SharedV3ProviderMetadata | undefined): void {
    for (const [provider, values] of Object.entries(metadata ?? {})) {
      block.providerOptions = {
        ...block.providerOptions,
        [provider]: { ...block.providerOptions?.[provider], ...values },
      };
    }
  }

  #addCall(part: Extract<LanguageModelV3StreamPart, { type: "tool-call" }>): void {
    // Some servers number their calls anew in each answer, or not at all.
    let id = part.toolCallId || "call";
    while (this.#ids.has(id)) id = `${id}_`;
    this.#ids.add(id);
    const input = objectOf(part.input);
    if (input === undefined) this.#malformed.set(id, part.input);
    this.#content.push({
      type: "tool-call",
      toolCallId: id,
      toolName: part.toolName,
      input: input ?? {},
      ...(part.providerMetadata === undefined ? {} : { providerOptions: part.providerMetadata }),
    });
  }

  answer(): ModelAnswer {
    const finish = this.#finish;
    if (finish === undefined) throw new BrokenStreamError("the stream ended before the answer was complete");
    const content = this.#content.filter((part) => part.type !== "text" || part.text.trim() !== "");
    const calls = content.filter((part): part is ToolCallPart => part.type === "tool-call");
    const text = content.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("\n");
    return {
      text: text.trim(),
      calls,
      malformed: this.#malformed,
      message: text.trim() === "" && calls.length === 0 ? null : { role: "assistant", content },
      finish: finish.finishReason.unified,
      usage: tokensOf(finish.usage),
    };
  }
}

/** The arguments as an object; undefined when they are none. No arguments at all are an empty object. */
function objectOf(json: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(json.trim() === "" ? "{}" : json);
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return isObject ? { ...value } : undefined;
  } catch {
    // Told to the model as the call's result.
    return undefined;
  }
}
