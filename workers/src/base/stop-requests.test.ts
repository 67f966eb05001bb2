import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { onStopRequest } from "./stop-requests.ts";

describe("onStopRequest", () => {
  const listen = (isStoppedWithStdin: boolean) => {
    const stdin = new PassThrough();
    const reasons: string[] = [];
    let onSignal: (signal: NodeJS.Signals) => unknown = () => undefined;
    let isRemoved = false;
    const remove = onStopRequest({ isStoppedWithStdin }, (reason) => reasons.push(reason), {
      stdin: stdin as unknown as NodeJS.ReadStream,
      onSignals: (handle) => {
        onSignal = handle;
        return () => {
          isRemoved = true;
        };
      },
    });
    return {
      stdin,
      reasons,
      remove,
      onSignal: (signal: NodeJS.Signals) => onSignal(signal),
      isRemoved: () => isRemoved,
    };
  };

  it("stops on a signal", () => {
    const { onSignal, reasons } = listen(false);
    onSignal("SIGTERM");
    expect(reasons).toEqual(["SIGTERM"]);
  });

  it("stops when the starter's pipe ends or breaks, only where asked to", () => {
    const asked = listen(true);
    asked.stdin.emit("error", new Error("EPIPE"));
    asked.stdin.emit("end");
    expect(asked.reasons).toHaveLength(2);
    const unasked = listen(false);
    unasked.stdin.emit("end");
    expect(unasked.reasons).toEqual([]);
  });

  it("stops listening", () => {
    const { remove, stdin, reasons, isRemoved } = listen(true);
    remove();
    stdin.emit("end");
    expect([reasons, isRemoved()]).toEqual([[], true]);
  });
});
