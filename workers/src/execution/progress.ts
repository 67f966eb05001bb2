import type { Evidence, ExecutionPhase, Progress } from "@agentvine/contracts";
import { coerceError, type Logger, retry } from "@agentvine/kit";
import { attemptFaultOf, whileTransient } from "../base/api-fault.ts";
import type { ExecutionApi } from "./execution-api.ts";

export interface ProgressOptions {
  readonly api: Pick<ExecutionApi, "progress">;
  readonly onLeaseLost: () => void;
  readonly logger: Logger;
  /** Nothing is sent any more once it aborts. */
  readonly signal: AbortSignal;
}

/** Reports wait for the network behind each other; beyond so many the middle of a story is left out. */
const waitingMax = 200;

const clip = (text: string, charsMax: number): string => {
  const clean = text.replaceAll("\u0000", "");
  return clean.length <= charsMax ? clean : `${clean.slice(0, charsMax - 1)}…`;
};

/**
 * Tells the backend, in order, what the execution is doing. A report never holds the work up and its loss costs nothing but the report;
 * only gate results are waited for.
 */
export class ProgressReporter {
  readonly #options: ProgressOptions;
  #queue: Promise<void> = Promise.resolve();
  #waiting = 0;

  constructor(options: ProgressOptions) {
    this.#options = options;
  }

  phase(phase: ExecutionPhase, detail = ""): void {
    this.#report({ kind: "phase", phase, detail: clip(detail, 2_000) });
  }

  plan(steps: readonly string[]): void {
    this.#report({ kind: "plan", steps: steps.slice(0, 50).map((step) => clip(step, 500)) });
  }

  tool(name: string, summary: string, isError: boolean): void {
    this.#report({ kind: "tool", name: clip(name, 100), summary: clip(summary, 500), isError });
  }

  model(detail: string): void {
    this.#report({ kind: "model", detail: clip(detail, 2_000) });
  }

  /** The agent's own words on how far it is. */
  note(message: string, percent: number | null): void {
    this.#report({ kind: "note", message: clip(message, 2_000), percent });
  }

  gate(evidence: Evidence): void {
    this.#report({ kind: "gate", evidence });
  }

  /**
   * Asks the backend whether this attempt still holds its lease, by a report that it would refuse otherwise: before something happens
   * outside that can't be undone.
   * @throws when it does not, or can't be asked.
   */
  async assertLease(phase: ExecutionPhase, detail: string): Promise<void> {
    const { api, signal } = this.#options;
    const report: Progress = { kind: "phase", phase, detail: clip(detail, 2_000) };
    await this.#queue;
    await retry(() => api.progress(report, signal), {
      baseMs: 500,
      maxMs: 5_000,
      elapsedMsMax: 60_000,
      ...whileTransient,
      signal,
    });
  }

  /** Resolves when every report so far has been sent or dropped. */
  async settled(): Promise<void> {
    await this.#queue;
  }

  #report(progress: Progress): void {
    const isDispensable = ["tool", "model", "note"].includes(progress.kind);
    if (isDispensable && this.#waiting >= waitingMax) return;
    this.#waiting += 1;
    this.#queue = this.#queue
      .then(() => this.#send(progress))
      .finally(() => {
        this.#waiting -= 1;
      });
  }

  async #send(progress: Progress): Promise<void> {
    const { api, logger, signal, onLeaseLost } = this.#options;
    if (signal.aborted) return;
    try {
      await retry(() => api.progress(progress, signal), {
        attemptsMax: 3,
        baseMs: 200,
        maxMs: 2_000,
        ...whileTransient,
        signal,
      });
    } catch (error) {
      if (signal.aborted) return;
      if (attemptFaultOf(error) === "lease_lost") onLeaseLost();
      logger.debug({ err: coerceError(error), kind: progress.kind }, "a report was dropped");
    }
  }
}
