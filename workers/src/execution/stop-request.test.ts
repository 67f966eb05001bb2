import { describe, expect, it } from "vitest";
import { StopRequest } from "./stop-request.ts";

describe("StopRequest", () => {
  it("keeps the first reason, and ends the work once", () => {
    const stop = new StopRequest();
    stop.request("drained", "deploy");
    stop.request("cancelled", "too late");
    expect(stop.stop).toEqual({ kind: "drained", reason: "deploy" });
    expect(stop.work.reason).toBe("drained");
    expect(stop.lease.aborted).toBe(false);
  });

  it("ends also what hands in when the lease is lost, whatever was asked before", () => {
    const stop = new StopRequest();
    stop.request("cancelled", "by a person");
    stop.request("lease_lost", "the supervisor is gone");
    expect(stop.stop?.kind).toBe("lease_lost");
    expect(stop.lease.aborted).toBe(true);
  });

  it("stops work that the backend takes nothing more of", () => {
    const stop = new StopRequest();
    expect(stop.refuse("409")).toBe(true);
    expect(stop.stop).toEqual({ kind: "lease_lost", reason: "409" });
    expect(stop.lease.aborted).toBe(true);
  });

  it("leaves a cancelled agent its time to end, though its order has no lease any more", () => {
    const stop = new StopRequest();
    stop.request("cancelled", "by a person");
    expect(stop.refuse("409")).toBe(false);
    expect(stop.stop?.kind).toBe("cancelled");
    expect(stop.lease.aborted).toBe(false);
  });
});
