import { describe, expect, it, vi } from "vitest";
import { deferred } from "./async.ts";
import { Lifecycle } from "./lifecycle.ts";

describe("Lifecycle", () => {
  it("stops everything once, last started first, each after the one before is down", async () => {
    const order: string[] = [];
    const gate = deferred<void>();
    const lifecycle = new Lifecycle();
    lifecycle.add("database", () => void order.push("database"));
    lifecycle.add("server", async () => {
      await gate.promise;
      order.push("server");
    });
    const first = lifecycle.stop();
    const second = lifecycle.stop();
    gate.resolve();
    await Promise.all([first, second]);
    expect(order).toEqual(["server", "database"]);
  });

  it("stops the rest when one part fails, and tells all failures", async () => {
    const database = vi.fn();
    const lifecycle = new Lifecycle();
    lifecycle.add("database", database);
    lifecycle.add("queue", () => Promise.reject(new Error("stuck")));
    lifecycle.add("server", () => {
      throw new Error("open sockets");
    });
    await expect(lifecycle.stop()).rejects.toThrow(/server: open sockets; queue: stuck/);
    expect(database).toHaveBeenCalledOnce();
  });

  it("stops what is added while stopping and refuses what is added afterwards", async () => {
    const late = vi.fn();
    const lifecycle = new Lifecycle();
    lifecycle.add("first", () => lifecycle.add("late", late));
    await lifecycle.stop();
    expect(late).toHaveBeenCalledOnce();
    expect(() => lifecycle.add("too late", () => {})).toThrow("already stopped");
  });
});
