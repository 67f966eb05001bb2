import type { ToldMessage } from "../heard-words.ts";
import type { PeopleApi } from "../people.ts";

/** The conversation of a task in memory. */
export class MemoryPeople implements PeopleApi {
  /** What the agent said. */
  readonly said: string[] = [];
  readonly #written: ToldMessage[] = [];

  /** A person writes to the agent. */
  write(content: string, change: Partial<ToldMessage> = {}): void {
    const position = this.#written.length + 1;
    const plain = { senderName: "Ada", replyTo: null, attachments: [] };
    this.#written.push({ position, content, ...plain, ...change });
  }

  async take(after: number): Promise<ToldMessage[]> {
    return this.#written.filter(({ position }) => position > after);
  }

  async post({ content }: { content: string }): Promise<void> {
    this.said.push(content);
  }
}
