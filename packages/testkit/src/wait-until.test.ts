import { describe, expect, it } from "vitest";
import { waitUntil } from "./wait-until.ts";

describe("waitUntil", () => {
  it("returns the first truthy value, also of an asynchronous check", async () => {
    let calls = 0;
    const value = await waitUntil(async () => {
      calls += 1;
      return calls >= 3 && `call ${calls}`;
    });
    expect(value).toBe("call 3");
  });

  it("tries again after a check that throws", async () => {
    let calls = 0;
    const value = await waitUntil(() => {
      calls += 1;
      if (calls < 3) {
        throw new Error("not yet");
      }
      return calls;
    });
    expect(value).toBe(3);
  });

  it("tells what it waited for, and the last failure, when the time is up", async () => {
    const options = { timeoutMs: 30, intervalMs: 5, message: "the worker to register" };
    await expect(waitUntil(() => false, options)).rejects.toThrow("waited 30 ms for the worker to register");
    const refused = waitUntil(() => Promise.reject(new Error("connection refused")), options);
    await expect(refused).rejects.toThrow("the worker to register: connection refused");
  });
});
