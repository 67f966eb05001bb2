/**
 * Why an execution has to stop. Each word has its own path: `cancelled` is handed in as such, `timed_out` likewise, `drained` gives the
 * order back from its last checkpoint, and after `lease_lost` nothing is handed in at all.
 */
export type StopKind = "cancelled" | "timed_out" | "drained" | "lease_lost";

export interface Stop {
  readonly kind: StopKind;
  readonly reason: string;
}

/** The one request to stop that counts: the first, unless the lease is lost, which outranks everything. */
export class StopRequest {
  readonly #work = new AbortController();
  readonly #lease = new AbortController();
  #stop: Stop | undefined;

  get stop(): Stop | undefined {
    return this.#stop;
  }

  /** Ends the work itself: agent, commands, checkouts. Its reason is the kind, as agent drivers expect it. */
  get work(): AbortSignal {
    return this.#work.signal;
  }

  /** Ends also what hands in and tidies up: nothing of this attempt is wanted any more. */
  get lease(): AbortSignal {
    return this.#lease.signal;
  }

  request(kind: StopKind, reason: string): void {
    if (kind === "lease_lost") {
      this.#stop = { kind, reason };
      this.#lease.abort(kind);
    }
    this.#stop ??= { kind, reason };
    this.#work.abort(this.#stop.kind);
  }

  /**
   * The backend takes nothing more of this attempt: its lease is lost. That is no news of one that was cancelled, whose agent still
   * gets its time to end by itself. Returns whether the work is stopped for it.
   */
  refuse(reason: string): boolean {
    if (this.#stop?.kind === "cancelled") return false;
    this.request("lease_lost", reason);
    return true;
  }
}
