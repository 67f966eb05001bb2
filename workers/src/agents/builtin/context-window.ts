import { callsOf, type Message, resultsOf, type ToolResultPart } from "./message.ts";

/** The newest exchanges are left as they are as long as that is possible at all. */
const exchangesKept = 3;
/** What is shorter is not worth shortening. */
const shortCharacters = 400;
const headCharacters = 200;
const tailCharacters = 100;

export interface TrimmedConversation {
  readonly messages: Message[];
  /** Messages that were shortened or dropped. */
  readonly droppedMessages: number;
}

/** Characters of the conversation as it is sent. */
export const conversationCharacters = (messages: readonly Message[]): number =>
  messages.reduce((sum, message) => sum + JSON.stringify(message).length, 0);

/**
 * Makes the conversation fit into `charactersMax`, gently first: old tool outputs are shortened, then what old calls wrote,
 * then old exchanges are dropped whole, then the newest outputs are shortened. Instructions stay, and each call
 * keeps its result: providers refuse a conversation in which they are not paired.
 */
export function trimConversation(messages: readonly Message[], charactersMax: number): TrimmedConversation {
  const trimmer = new Trimmer(messages, charactersMax);
  trimmer.shortenOld((message) => shortenResults(message));
  trimmer.shortenOld((message) => shortenCalls(message));
  trimmer.dropOldExchanges();
  trimmer.shortenNew((message) => shortenResults(message));
  const { messages: trimmed, touched } = trimmer;
  // Reasoning is signed for the conversation as it was and is refused behind a changed one.
  return { messages: touched > 0 ? withoutReasoning(trimmed) : trimmed, droppedMessages: touched };
}

/** The conversation without what the model thought; only what it said and did. */
export const withoutReasoning = (messages: readonly Message[]): Message[] =>
  messages.map((message) =>
    message.role === "assistant"
      ? { ...message, content: message.content.filter((part) => part.type !== "reasoning") }
      : message,
  );

class Trimmer {
  messages: Message[];
  touched = 0;
  readonly #charactersMax: number;
  #characters: number;

  constructor(messages: readonly Message[], charactersMax: number) {
    this.messages = [...messages];
    this.#charactersMax = charactersMax;
    this.#characters = conversationCharacters(messages);
  }

  get #fits(): boolean {
    return this.#characters <= this.#charactersMax;
  }

  /** Index of the first message that belongs to the newest exchanges. */
  get #border(): number {
    const answers = this.messages.flatMap((message, index) => (message.role === "assistant" ? [index] : []));
    return answers.at(-exchangesKept) ?? 0;
  }

  shortenOld(shorten: (message: Message) => Message): void {
    this.#shorten(0, this.#border, shorten);
  }

  shortenNew(shorten: (message: Message) => Message): void {
    this.#shorten(this.#border, this.messages.length, shorten);
  }

  #shorten(from: number, to: number, shorten: (message: Message) => Message): void {
    for (let index = from; index < to && !this.#fits; index += 1) {
      const message = this.messages[index];
      if (message === undefined) return;
      const shorter = shorten(message);
      if (shorter === message) continue;
      this.#characters += JSON.stringify(shorter).length - JSON.stringify(message).length;
      this.messages[index] = shorter;
      this.touched += 1;
    }
  }

  /** Drops answers with their tool results, oldest first. */
  dropOldExchanges(): void {
    for (let index = 0; index < this.#border && !this.#fits; ) {
      if (this.messages[index]?.role !== "assistant") {
        index += 1;
        continue;
      }
      const length = this.messages[index + 1]?.role === "tool" ? 2 : 1;
      const dropped = this.messages.splice(index, length);
      this.#characters -= conversationCharacters(dropped);
      this.touched += dropped.length;
    }
  }
}

function shortenResults(message: Message): Message {
  if (message.role !== "tool" || !resultsOf(message).some(isLong)) return message;
  return {
    ...message,
    content: message.content.map((part) =>
      part.type === "tool-result" && isLong(part) && hasText(part.output)
        ? { ...part, output: { ...part.output, value: shorten(part.output.value) } }
        : part,
    ),
  };
}

type Output = ToolResultPart["output"];
type TextOutput = Extract<Output, { type: "text" | "error-text" }>;
const hasText = (output: Output): output is TextOutput =>
  output.type === "text" || output.type === "error-text";
const isLong = ({ output }: ToolResultPart): boolean =>
  hasText(output) && output.value.length > shortCharacters;

function shortenCalls(message: Message): Message {
  if (message.role !== "assistant" || callsOf(message).length === 0) return message;
  let isChanged = false;
  const content = message.content.map((part) => {
    if (part.type !== "tool-call" || typeof part.input !== "object" || part.input === null) return part;
    const input = Object.entries(part.input).map(([name, value]: [string, unknown]) => {
      if (typeof value !== "string" || value.length <= shortCharacters) return [name, value] as const;
      isChanged = true;
      return [name, shorten(value)] as const;
    });
    return { ...part, input: Object.fromEntries(input) };
  });
  return isChanged ? { ...message, content } : message;
}

const shorten = (text: string): string =>
  `${text.slice(0, headCharacters)}\n[${text.length - headCharacters - tailCharacters} characters were left out to save room; ask again if you need them]\n${text.slice(-tailCharacters)}`;
