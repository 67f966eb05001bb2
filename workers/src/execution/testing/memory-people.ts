import type { PeopleApi } from "../people.ts";

/** The conversation of a task in memory. */
export class MemoryPeople implements PeopleApi {
  /** What the agent said. */
  readonly said: string[] = [];
  readonly #written: string[] = [];

  /** A person writes to the agent. */
  write(text: string): void {
    this.#written.push(text);
  }

  async take(after: number): Promise<{ position: number; content: string }[]> {
    return this.#written
      .map((content, index) => ({ position: index + 1, content }))
      .filter(({ position }) => position > after);
  }

  async post({ content }: { content: string }): Promise<void> {
    this.said.push(content);
  }
}
