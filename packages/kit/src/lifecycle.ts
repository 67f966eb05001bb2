import { coerceError } from "./app-error.ts";

type Stop = () => Promise<void> | void;

/**
 * What has been started and must be stopped, in reverse order. A stop that fails does not keep the others from
 * being stopped. Something added while stopping (a start that was still under way) is stopped as well.
 */
export class Lifecycle {
  readonly #parts: { name: string; stop: Stop }[] = [];
  #stopping: Promise<void> | undefined;
  #isStopped = false;

  /** @throws Error when everything has been stopped already. */
  add(name: string, stop: Stop): void {
    if (this.#isStopped) {
      throw new Error(`cannot add "${name}": already stopped`);
    }
    this.#parts.push({ name, stop });
  }

  /**
   * Stops all parts, last started first, once: every further call gets the same promise.
   * @throws AggregateError with one error per part that failed to stop.
   */
  stop(): Promise<void> {
    this.#stopping ??= this.#stopAll();
    return this.#stopping;
  }

  async #stopAll(): Promise<void> {
    const errors: Error[] = [];
    for (let part = this.#parts.pop(); part !== undefined; part = this.#parts.pop()) {
      try {
        await part.stop();
      } catch (error) {
        errors.push(new Error(`${part.name}: ${coerceError(error).message}`, { cause: error }));
      }
    }
    this.#isStopped = true;
    if (errors.length > 0) {
      throw new AggregateError(errors, `failed to stop ${errors.map(({ message }) => message).join("; ")}`);
    }
  }
}
