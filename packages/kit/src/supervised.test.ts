import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { onSupervisorGone } from "./supervised.ts";

describe("onSupervisorGone", () => {
  it("stops the process once when the supervisor's pipe closes, whatever was written before", async () => {
    const stdin = new PassThrough();
    const gone = new Promise<void>((resolve) => onSupervisorGone(resolve, stdin));
    stdin.write("ignored");
    stdin.end();
    await expect(gone).resolves.toBeUndefined();
  });

  it("stops the process when the pipe breaks", async () => {
    const stdin = new PassThrough();
    const gone = new Promise<void>((resolve) => onSupervisorGone(resolve, stdin));
    stdin.destroy(new Error("EPIPE"));
    await expect(gone).resolves.toBeUndefined();
  });

  it("says nothing after it was asked to stop watching", async () => {
    const stdin = new PassThrough();
    let calls = 0;
    onSupervisorGone(() => {
      calls += 1;
    }, stdin)();
    stdin.resume();
    stdin.end();
    await new Promise((resolve) => stdin.once("end", resolve));
    expect(calls).toBe(0);
  });
});
