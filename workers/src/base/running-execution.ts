import type { Claim, FailureResult, HeldOrder } from "@agentvine/contracts";
import {
  type Clock,
  coerceError,
  type Logger,
  sleep as realSleep,
  type sleep,
  systemClock,
} from "@agentvine/kit";
import type { AttemptResult } from "../execution/executor-channel.ts";
import { untilUsedUp } from "../execution/waiting-time.ts";
import type { ExecutorEnd, ExecutorHandle } from "./executor-handle.ts";
import { LeaseKeeper } from "./lease-keeper.ts";
import type { ResultOutbox } from "./result-outbox.ts";

export interface RunningExecutionOptions {
  readonly claim: Claim;
  /** Monotonic time at which the lease began, or earlier; now unless told. */
  readonly leaseFromMs?: number | undefined;
  readonly start: (claim: Claim) => ExecutorHandle;
  readonly outbox: Pick<ResultOutbox, "keepIfPossible" | "deliver">;
  /** Removes what the execution left on disk. */
  readonly cleanUp: (executionId: string) => Promise<void>;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly sleep: typeof sleep;
  /** Ends the delivery of a result when the worker stops for good. */
  readonly signal: AbortSignal;
}

/** An executor that has not noticed the end of its order's time gets this much longer. */
const timeOutSlackMs = 60_000;

/** One leased order from claim to the last trace of it: its executor, its lease, its result. */
export class RunningExecution {
  readonly order: HeldOrder;
  readonly executionId: string;
  /** Resolves when nothing of it is left. Never rejects. */
  readonly done: Promise<void>;
  readonly #options: RunningExecutionOptions;
  readonly #handle: ExecutorHandle;
  readonly #lease: LeaseKeeper;
  #state: "running" | "delivering" | "over" = "running";
  #isCancelling = false;

  constructor(options: RunningExecutionOptions) {
    const { claim, clock, sleep, start } = options;
    this.#options = options;
    this.order = { workOrderId: claim.workOrder.id, attempt: claim.attempt };
    this.executionId = claim.executionId;
    this.#handle = start(claim);
    this.#lease = new LeaseKeeper({
      leaseMs: claim.leaseMs,
      fromMs: options.leaseFromMs,
      clock,
      sleep,
      onExpired: () => this.#fence("nothing renewed the lease in time"),
    });
    this.done = this.#follow();
  }

  /** True while the order's lease should be renewed: its executor answers, or its result is on the way. */
  async answers(timeoutMs: number): Promise<boolean> {
    if (this.#state === "delivering") return true;
    return this.#state === "running" && (await this.#handle.ping(timeoutMs));
  }

  renew(leaseMs: number, sentAtMs: number): void {
    this.#lease.renew(leaseMs, sentAtMs);
  }

  /** The backend gave the order to somebody else, or took it back. */
  lose(reason: string): void {
    this.#fence(reason);
  }

  cancel(reason: string): void {
    if (this.#state !== "running") return;
    this.#isCancelling = true;
    // Nobody else can get a cancelled order: there is nothing left to fence off, and the handle's patience bounds the end.
    this.#lease.stop();
    this.#handle.cancel(reason);
  }

  /** True once it was told to end: a cancelled order has no lease any more, and its agent still gets the time to end by itself. */
  get isCancelling(): boolean {
    return this.#isCancelling;
  }

  drain(reason: string, graceMs: number): void {
    if (this.#state === "running") this.#handle.drain(reason, graceMs);
  }

  #fence(reason: string): void {
    // A result that is on its way is judged by the backend, which knows better who holds the lease.
    if (this.#state !== "running") return;
    this.#options.logger.warn({ reason }, "the lease is lost: the work stops and nothing is handed in");
    this.#handle.fence(reason);
  }

  async #follow(): Promise<void> {
    const { claim, logger, cleanUp } = this.#options;
    const timeOut = new AbortController();
    untilUsedUp(claim.workOrder.timeoutSeconds * 1_000 + timeOutSlackMs, this.#handle.waiting, {
      clock: systemClock,
      sleep: realSleep,
      signal: timeOut.signal,
    }).then(
      () => this.#handle.timeOut("the order's time is over"),
      () => undefined,
    );
    try {
      await this.#settle(await this.#handle.ended);
    } catch (error) {
      logger.error({ err: coerceError(error) }, "an execution could not be brought to its end");
    }
    timeOut.abort();
    this.#lease.stop();
    this.#state = "over";
    await this.#handle.gone;
    await cleanUp(this.executionId).catch((error: unknown) =>
      logger.warn({ err: coerceError(error) }, "what an execution left on disk could not be removed"),
    );
  }

  async #settle(end: ExecutorEnd): Promise<void> {
    const { claim, outbox, signal } = this.#options;
    const result = resultOf(end, claim);
    if (result === null) return;
    this.#state = "delivering";
    const entry = {
      ...this.order,
      executionId: claim.executionId,
      attemptToken: claim.attemptToken,
      result,
    };
    const kept = await outbox.keepIfPossible(entry);
    if (end.kind === "result") this.#handle.confirmResult();
    await outbox.deliver(kept, signal);
  }
}

/** What is handed in for an end; null when nothing may be. */
const resultOf = (end: ExecutorEnd, claim: Claim): AttemptResult | null => {
  switch (end.kind) {
    case "result":
      return end.result;
    case "lease_lost":
      return null;
    case "drained":
      return { kind: "release", reason: end.reason };
    case "cancelled":
      return failure({ outcome: "cancelled", failure: null, reason: end.reason });
    case "timed_out": {
      const reason = `The execution did not end within ${claim.workOrder.timeoutSeconds} s.`;
      return failure({ outcome: "timed_out", failure: null, reason });
    }
    case "crashed":
      return failure({
        outcome: "failed",
        failure: "infrastructure",
        reason: end.reason,
        isRetryable: true,
      });
  }
};

const failure = (
  parts: Pick<FailureResult, "outcome" | "failure" | "reason"> & { isRetryable?: boolean },
): AttemptResult => ({
  kind: "fail",
  result: { isRetryable: false, summary: "", evidence: null, metrics: null, exitCode: null, ...parts },
});
