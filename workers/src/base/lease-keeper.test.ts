import { describe, expect, it } from "vitest";
import { LeaseKeeper, leaseMarginMs } from "./lease-keeper.ts";
import { FakeClock } from "./testing/fake-clock.ts";

const aLease = (leaseMs: number) => {
  const clock = new FakeClock();
  let expired = 0;
  const lease = new LeaseKeeper({ leaseMs, clock, sleep: clock.sleep, onExpired: () => (expired += 1) });
  return { clock, lease, expired: () => expired };
};

describe("LeaseKeeper", () => {
  it("fences the work five seconds before an unrenewed lease ends, once", async () => {
    const { clock, lease, expired } = aLease(60_000);
    await clock.advance(54_999);
    expect([expired(), lease.remainingMs]).toEqual([0, 1]);
    await clock.advance(1);
    expect([expired(), lease.remainingMs]).toEqual([1, 0]);
    await clock.advance(600_000);
    expect(expired()).toBe(1);
  });

  it("keeps a quarter of a short lease as its margin", () => {
    expect(leaseMarginMs(2_000)).toBe(500);
    expect(leaseMarginMs(60_000)).toBe(5_000);
  });

  it("counts a renewal from when it was sent, not from when its answer arrived", async () => {
    const { clock, lease, expired } = aLease(60_000);
    await clock.advance(50_000);
    lease.renew(60_000, 20_000);
    await clock.advance(24_999);
    expect(expired()).toBe(0);
    await clock.advance(1);
    expect(expired()).toBe(1);
  });

  it("counts a lease from when it can have begun at the earliest, however late that was told", async () => {
    const { clock } = aLease(60_000);
    await clock.advance(40_000);
    let expired = 0;
    const onExpired = () => (expired += 1);
    const options = { leaseMs: 60_000, fromMs: 10_000, clock, sleep: clock.sleep, onExpired };
    const lease = new LeaseKeeper(options);
    expect(lease.remainingMs).toBe(25_000);
    await clock.advance(25_000);
    expect(expired).toBe(1);
    await clock.advance(60_000);
    new LeaseKeeper(options);
    await clock.advance(0);
    expect(expired).toBe(2);
  });

  it("is not shortened by an answer that arrives late", async () => {
    const { clock, lease, expired } = aLease(60_000);
    lease.renew(60_000, 0);
    await clock.advance(40_000);
    lease.renew(60_000, 40_000);
    lease.renew(60_000, 10_000);
    await clock.advance(54_999);
    expect(expired()).toBe(0);
  });

  it("never expires once it ended in an orderly way", async () => {
    const { clock, lease, expired } = aLease(60_000);
    lease.stop();
    await clock.advance(100_000);
    expect([expired(), lease.remainingMs, clock.sleeping]).toEqual([0, 0, 0]);
  });
});
