import type { Clock, sleep as realSleep } from "@agentvine/kit";

/** A worker stops its work this long before a lease can be over: 5 s, or a quarter of a short lease. */
export const leaseMarginMs = (leaseMs: number): number => Math.min(5_000, leaseMs / 4);

export interface LeaseKeeperOptions {
  readonly leaseMs: number;
  /** Monotonic time at which the lease began, or earlier; now unless told. */
  readonly fromMs?: number | undefined;
  readonly clock: Clock;
  readonly sleep: typeof realSleep;
  /** Called once when nothing was renewed in time: the work must stop and publish nothing. */
  readonly onExpired: () => void;
}

/**
 * The worker's own view of a lease. It goes by durations on the monotonic clock, so that no change of the system time and no
 * silence of the backend lets a worker believe in a lease that somebody else may hold by now.
 */
export class LeaseKeeper {
  readonly #clock: Clock;
  readonly #ended = new AbortController();
  #fencedAtMs: number;

  constructor({ leaseMs, fromMs, clock, sleep, onExpired }: LeaseKeeperOptions) {
    this.#clock = clock;
    this.#fencedAtMs = (fromMs ?? clock.monotonicMs()) + leaseMs - leaseMarginMs(leaseMs);
    this.#watch(sleep).then(onExpired, () => undefined);
  }

  /** Milliseconds until the worker fences itself; never negative. */
  get remainingMs(): number {
    return this.#ended.signal.aborted ? 0 : Math.max(0, this.#fencedAtMs - this.#clock.monotonicMs());
  }

  /** @param sentAtMs monotonic time before the renewal was sent: the lease can't have begun earlier. */
  renew(leaseMs: number, sentAtMs: number): void {
    this.#fencedAtMs = Math.max(this.#fencedAtMs, sentAtMs + leaseMs - leaseMarginMs(leaseMs));
  }

  /** The lease is over in an orderly way; onExpired will not be called. */
  stop(): void {
    this.#ended.abort();
  }

  async #watch(sleep: typeof realSleep): Promise<void> {
    for (let leftMs = this.remainingMs; leftMs > 0; leftMs = this.remainingMs) {
      await sleep(leftMs, this.#ended.signal);
    }
    this.#ended.signal.throwIfAborted();
    this.#ended.abort();
  }
}
