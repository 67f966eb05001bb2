import type { ControllerMetrics, Usage } from "@agentvine/contracts";
import { addUsage, noUsage } from "@agentvine/model";

const thinkingKept = 200;

/** Counts what the controller does since it started; told with each heartbeat. */
export class Metrics {
  #answered = 0;
  #handedOver = 0;
  #refusedReplies = 0;
  #modelFailures = 0;
  #usage: Usage = noUsage;
  readonly #thinkingMs: number[] = [];

  noteThinking(ms: number, usage: Usage): void {
    this.#usage = addUsage(this.#usage, usage);
    this.#thinkingMs.push(ms);
    if (this.#thinkingMs.length > thinkingKept) this.#thinkingMs.shift();
  }

  noteAnswered(): void {
    this.#answered += 1;
  }

  noteHandedOver(cause: "bad_reply" | "refused" | "failed" | "other"): void {
    this.#handedOver += 1;
    if (cause === "bad_reply" || cause === "refused") this.#refusedReplies += 1;
    if (cause === "failed") this.#modelFailures += 1;
  }

  snapshot(): ControllerMetrics {
    const sorted = [...this.#thinkingMs].sort((a, b) => a - b);
    return {
      answered: this.#answered,
      handedOver: this.#handedOver,
      refusedReplies: this.#refusedReplies,
      modelFailures: this.#modelFailures,
      usage: this.#usage,
      thinkingMsP50: sorted[Math.floor(sorted.length / 2)] ?? null,
    };
  }
}
