import type { AgentTurnInput } from "../agent-driver.ts";
import { heardMessage, type Message } from "./message.ts";

/** Brings what people write into the conversation with the model, and knows how far it has come. */
export class HeardMessages {
  readonly #input: Pick<AgentTurnInput, "hear" | "onEvent">;
  #through: number;

  constructor(input: Pick<AgentTurnInput, "hear" | "onEvent" | "transcript">) {
    this.#input = input;
    this.#through = input.transcript?.heardThrough ?? 0;
  }

  /** Position of the last message that was heard; 0 before the first. */
  get through(): number {
    return this.#through;
  }

  /** Adds what came since. @returns false when there is nothing new */
  async hearInto(messages: Message[]): Promise<boolean> {
    const heard = await this.#input.hear(this.#through);
    for (const { position, text } of heard) {
      messages.push(heardMessage(text));
      this.#input.onEvent({ type: "heard", text });
      this.#through = Math.max(this.#through, position);
    }
    return heard.length > 0;
  }
}
