import { percentile } from "../statistics.ts";

export interface Latency {
  p50Ms: number;
  p95Ms: number;
  /** How often it was done; NaN when that says nothing. */
  perSecond: number;
}

/** A way of the product beside the least that could do the same, measured in the same run. */
export interface Compared {
  name: string;
  own: Latency;
  /** What the other is. */
  baseline: string;
  bare: Latency;
}

export const latencyOf = (latenciesMs: readonly number[], perSecond = Number.NaN): Latency => ({
  p50Ms: percentile(latenciesMs, 0.5),
  p95Ms: percentile(latenciesMs, 0.95),
  perSecond,
});

export const speedOf = ({
  latenciesMs,
  perSecond,
}: {
  latenciesMs: readonly number[];
  perSecond: number;
}): Latency => latencyOf(latenciesMs, perSecond);
