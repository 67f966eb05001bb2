import { EventEmitter } from "node:events";
import { describe, expect, it } from "vitest";
import { deferred } from "./async.ts";
import { onShutdownSignals } from "./shutdown-signals.ts";

class FakeProcess extends EventEmitter {
  readonly exited = deferred<number>();
  exitCode: number | undefined;
  exit(code: number): void {
    this.exited.resolve(code);
  }
}

describe("onShutdownSignals", () => {
  it("stops gracefully on the first signal and then exits with success", async () => {
    const source = new FakeProcess();
    const signals: string[] = [];
    onShutdownSignals(async (signal) => void signals.push(signal), { source });
    source.emit("SIGTERM", "SIGTERM");
    expect(await source.exited.promise).toBe(0);
    expect(signals).toEqual(["SIGTERM"]);
  });

  it("keeps an exit code that was set, and exits with 1 when stopping failed", async () => {
    const failed = new FakeProcess();
    failed.exitCode = 3;
    onShutdownSignals(async () => {}, { source: failed });
    failed.emit("SIGINT", "SIGINT");
    expect(await failed.exited.promise).toBe(3);

    const broken = new FakeProcess();
    onShutdownSignals(() => Promise.reject(new Error("x")), { source: broken });
    broken.emit("SIGINT", "SIGINT");
    expect(await broken.exited.promise).toBe(1);
  });

  it("exits by force on a second signal", async () => {
    const source = new FakeProcess();
    onShutdownSignals(() => new Promise(() => {}), { source, repeatIgnoredMs: 0 });
    source.emit("SIGTERM", "SIGTERM");
    source.emit("SIGINT", "SIGINT");
    expect(await source.exited.promise).toBe(130);
  });

  it("takes a second signal within a moment for the same key press", async () => {
    const source = new FakeProcess();
    const gate = deferred<void>();
    onShutdownSignals(() => gate.promise, { source });
    source.emit("SIGINT", "SIGINT");
    source.emit("SIGINT", "SIGINT");
    gate.resolve();
    expect(await source.exited.promise).toBe(0);
  });

  it("exits by force when stopping takes too long", async () => {
    const source = new FakeProcess();
    onShutdownSignals(() => new Promise(() => {}), { source, forceAfterMs: 5 });
    source.emit("SIGTERM", "SIGTERM");
    // The timer does not keep a process alive; this test has to.
    const alive = setInterval(() => {}, 1000);
    expect(await source.exited.promise).toBe(143);
    clearInterval(alive);
  });

  it("can be taken back", () => {
    const source = new FakeProcess();
    const remove = onShutdownSignals(async () => {}, { source });
    remove();
    expect(source.listenerCount("SIGTERM") + source.listenerCount("SIGINT")).toBe(0);
  });
});
