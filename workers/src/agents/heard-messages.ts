import type { AgentTurnInput } from "./agent-driver.ts";

/** What people write to an agent, and how far it has heard them. */
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

  /** What came since, oldest first; it counts as heard from now on. */
  async next(): Promise<readonly string[]> {
    const heard = await this.#input.hear(this.#through);
    for (const { position, text } of heard) {
      this.#input.onEvent({ type: "heard", text });
      this.#through = Math.max(this.#through, position);
    }
    return heard.map(({ text }) => text);
  }
}
