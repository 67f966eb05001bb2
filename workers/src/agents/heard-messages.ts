import type { AgentTurnInput, Hear, Heard } from "./agent-driver.ts";

/** What a person wrote begins with this where it reaches an agent: it is no instruction of the task. */
export const heardMark = "[a person wrote to you while you work] ";

const heardText = ({ from, text, files }: Heard): string =>
  [`${heardMark}Message from ${from}: ${text}`, ...files].join("\n\n");

/** What people write to an agent, and how far it has heard them. */
export class HeardMessages {
  readonly #input: Pick<AgentTurnInput, "hear" | "onEvent">;
  #through: number;
  #last: Promise<unknown> = Promise.resolve();

  constructor(input: Pick<AgentTurnInput, "hear" | "onEvent" | "transcript">) {
    this.#input = input;
    this.#through = input.transcript?.heardThrough ?? 0;
  }

  /** Position of the last message that was heard; 0 before the first. */
  get through(): number {
    return this.#through;
  }

  /**
   * What came since, oldest first; it counts as heard from now on. Whoever asks at the same time waits: nothing is told twice.
   * @param isWanted asked when it has come; what nobody waits for any more is left to the next who asks
   */
  next: Hear = (isWanted = () => true) => {
    const next = this.#last.then(() => this.#take(isWanted));
    this.#last = next.catch(() => undefined);
    return next;
  };

  async #take(isWanted: () => boolean): Promise<readonly string[]> {
    const heard = await this.#input.hear(this.#through);
    if (!isWanted()) return [];
    for (const { position, from, text } of heard) {
      this.#input.onEvent({ type: "heard", from, text });
      this.#through = Math.max(this.#through, position);
    }
    return heard.map(heardText);
  }
}
