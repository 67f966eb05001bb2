import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { deferred, sleep } from "./async.ts";

describe("deferred", () => {
  it("is settled from outside", async () => {
    const good = deferred<number>();
    good.resolve(3);
    expect(await good.promise).toBe(3);
    const bad = deferred<number>();
    bad.reject(new Error("no"));
    await expect(bad.promise).rejects.toThrow("no");
  });
});

describe("sleep", () => {
  it("resolves after the time and leaves no listener on the signal", async () => {
    const { signal } = new AbortController();
    await sleep(1, signal);
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });

  it("does not mistake a time that no timer can hold for none at all", async () => {
    const controller = new AbortController();
    let isOver = false;
    const waiting = sleep(2 ** 40, controller.signal).then(
      () => {
        isOver = true;
      },
      () => undefined,
    );
    await sleep(20);
    expect(isOver).toBe(false);
    controller.abort();
    await waiting;
  });

  it("rejects with the reason when the signal is aborted before or while waiting", async () => {
    const reason = new Error("stop");
    await expect(sleep(60_000, AbortSignal.abort(reason))).rejects.toBe(reason);
    const controller = new AbortController();
    const waiting = sleep(60_000, controller.signal);
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
  });
});
