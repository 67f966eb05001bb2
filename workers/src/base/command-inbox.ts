import type { WorkerCommand } from "@agentvine/contracts";

/**
 * Takes commands from the long poll and from heartbeats alike: each is carried out once, in order of position. A command that
 * comes by both ways, or again after a lost reply, does nothing the second time.
 */
export class CommandInbox {
  readonly #handle: (command: WorkerCommand) => void;
  #seen = 0;

  /** @param handle carries a command out. Must not throw; must not wait. */
  constructor(handle: (command: WorkerCommand) => void) {
    this.#handle = handle;
  }

  /** Commands up to this position were carried out. */
  get seen(): number {
    return this.#seen;
  }

  accept(commands: readonly WorkerCommand[]): void {
    for (const command of [...commands].sort((a, b) => a.position - b.position)) {
      if (command.position <= this.#seen) continue;
      this.#seen = command.position;
      this.#handle(command);
    }
  }
}
