import { createLogger, deferred } from "@agentvine/kit";
import { describe, expect, it } from "vitest";
import { type Sweep, startSweeps } from "./reaper.loop.ts";

const logger = createLogger({ name: "test", level: "silent" });

/** A sweep over what is due; tells `order` each time it runs. */
const aSweep = (name: string, batchMax: number | undefined, due: number[], order: string[]): Sweep => ({
  name,
  run: async () => {
    order.push(name);
    return due.shift() ?? 0;
  },
  ...(batchMax === undefined ? {} : { batchMax }),
});

describe("the sweeps", () => {
  /** Runs them until the last of them ran so often, within one interval. */
  const runsOf = async (sweeps: (order: string[]) => Sweep[], runs: number) => {
    const order: string[] = [];
    const enough = deferred<void>();
    const list = sweeps(order);
    const last: Sweep = {
      name: "last",
      run: async () => {
        order.push("last");
        if (order.filter((name) => name === "last").length === runs) enough.resolve();
        return 0;
      },
    };
    const running = startSweeps({ sweeps: [...list, last], intervalMs: 3_600_000, logger });
    await enough.promise;
    await running.stop();
    return order;
  };

  it("go on without a pause while one has more to do, in turn, so that none waits for another's backlog", async () => {
    const order = await runsOf(
      (seen) => [aSweep("leases", 100, [100, 100, 100, 7], seen), aSweep("orders", 100, [3], seen)],
      4,
    );
    expect(order).toEqual(Array.from({ length: 4 }, () => ["leases", "orders", "last"]).flat());
  });

  it("rest when nothing is left, and after a failure", async () => {
    const failing: Sweep = {
      name: "failing",
      run: async () => {
        throw new Error("no");
      },
      batchMax: 1,
    };
    const order = await runsOf((seen) => [failing, aSweep("leases", 100, [99, 99], seen)], 1);
    expect(order).toEqual(["leases", "last"]);
  });
});
