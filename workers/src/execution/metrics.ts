import type { ExecutionMetrics, ExecutionPhase, Usage } from "@agentvine/contracts";
import type { Clock } from "@agentvine/kit";
import type { AgentTurnResult } from "../agents/agent-driver.ts";

/** Counts what an execution costs, as it goes. */
export class MetricsRecorder {
  readonly #clock: Clock;
  readonly #phasesMs: Partial<Record<ExecutionPhase, number>> = {};
  #phase: { readonly name: ExecutionPhase; readonly sinceMs: number } | undefined;
  #usage: Usage | null = null;
  #steps = 0;
  #toolCalls = 0;
  #modelRetries = 0;
  #gateRounds = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Ends the phase before it. A phase may come more than once; its times add up. */
  enter(name: ExecutionPhase): void {
    this.#closePhase();
    this.#phase = { name, sinceMs: this.#clock.monotonicMs() };
  }

  addTurn(turn: AgentTurnResult): void {
    this.#steps += turn.steps;
    this.#toolCalls += turn.toolCalls;
    this.#modelRetries += turn.modelRetries;
    if (turn.usage !== null) this.#usage = sum(this.#usage, turn.usage);
  }

  addGateRound(): void {
    this.#gateRounds += 1;
  }

  snapshot(
    log: { readonly bytes: number; readonly droppedBytes: number },
    waitingMs: number,
  ): ExecutionMetrics {
    this.#closePhase();
    return {
      usage: this.#usage,
      steps: this.#steps,
      toolCalls: this.#toolCalls,
      modelRetries: this.#modelRetries,
      gateRounds: this.#gateRounds,
      phasesMs: { ...this.#phasesMs },
      waitingMs: Math.round(waitingMs),
      logBytes: log.bytes,
      logDroppedBytes: log.droppedBytes,
    };
  }

  #closePhase(): void {
    if (this.#phase === undefined) return;
    const { name, sinceMs } = this.#phase;
    const nowMs = this.#clock.monotonicMs();
    this.#phasesMs[name] = Math.round((this.#phasesMs[name] ?? 0) + nowMs - sinceMs);
    this.#phase = { name, sinceMs: nowMs };
  }
}

const sum = (a: Usage | null, b: Usage): Usage =>
  a === null
    ? b
    : {
        inputTokens: a.inputTokens + b.inputTokens,
        outputTokens: a.outputTokens + b.outputTokens,
        cacheReadTokens: a.cacheReadTokens + b.cacheReadTokens,
        cacheWriteTokens: a.cacheWriteTokens + b.cacheWriteTokens,
        // What one part cost is not known, so what all cost is not known either.
        costUsd: a.costUsd === null || b.costUsd === null ? null : a.costUsd + b.costUsd,
      };
