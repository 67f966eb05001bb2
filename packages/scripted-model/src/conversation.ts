/** A tool call the model made. */
export interface ToolCall {
  readonly id: string;
  readonly name: string;
  readonly input: Readonly<Record<string, unknown>>;
}

/** What a tool really returned. */
export interface ToolResult {
  readonly call: ToolCall;
  readonly text: string;
  readonly isError: boolean;
}

/** One answer of the model, with what its tool calls returned. */
export interface Turn {
  readonly text: string;
  readonly calls: readonly ToolCall[];
  readonly results: readonly ToolResult[];
}

/** An instruction of the user and all that followed until the next one. */
export interface Phase {
  readonly instruction: string;
  readonly turns: readonly Turn[];
}

/** What the messages of a request say, whichever API they came through. The server remembers nothing: this is all it knows. */
export interface Conversation {
  readonly system: string;
  readonly phases: readonly Phase[];
}

/** Collects the messages of a request into phases and turns. */
export class ConversationBuilder {
  readonly #phases: { instruction: string; turns: MutableTurn[] }[] = [];

  /** A text of the user. Texts that follow each other without an answer between them are one instruction. */
  addInstruction(text: string): void {
    const last = this.#phases.at(-1);
    if (last !== undefined && last.turns.length === 0) last.instruction += `\n${text}`;
    else this.#phases.push({ instruction: text, turns: [] });
  }

  addAnswer(text: string, calls: readonly ToolCall[]): void {
    this.#phases.at(-1)?.turns.push({ text, calls, results: [] });
  }

  addResult(callId: string, text: string, isError: boolean): void {
    const turn = this.#phases.at(-1)?.turns.at(-1);
    const call = turn?.calls.find((candidate) => candidate.id === callId);
    if (turn !== undefined && call !== undefined) turn.results.push({ call, text, isError });
  }

  build(system: string): Conversation {
    return { system, phases: this.#phases };
  }
}

interface MutableTurn {
  readonly text: string;
  readonly calls: readonly ToolCall[];
  readonly results: ToolResult[];
}
