import { sleep } from "@agentvine/kit";

/** How late the event loop is: how long a timer that is due waits for its turn. */
export interface LagMeter {
  /** As of the last look, in milliseconds. */
  lagMs(): number;
  /** True while every look is later than the limit. One long step alone, or a machine that slept, overloads nobody. */
  isOverloaded(): boolean;
  stop(): Promise<void>;
}

const lookEveryMs = 100;
const lateLooksMin = 3;

/** Starts to measure. `overloadedMs` is the lag above which nobody is answered in time any more. */
export function startLagMeter({
  overloadedMs = 1_000,
}: {
  overloadedMs?: number | undefined;
} = {}): LagMeter {
  const stopping = new AbortController();
  let lagMs = 0;
  let lateLooks = 0;
  const running = (async () => {
    while (!stopping.signal.aborted) {
      const startedMs = performance.now();
      await sleep(lookEveryMs, stopping.signal).catch(() => {});
      lagMs = Math.max(0, performance.now() - startedMs - lookEveryMs);
      lateLooks = lagMs > overloadedMs ? lateLooks + 1 : 0;
    }
  })();
  return {
    lagMs: () => Math.round(lagMs),
    isOverloaded: () => lateLooks >= lateLooksMin,
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}
