import { waitUntil } from "@agentvine/testkit";
import { describe, expect, it } from "vitest";
import { useAskingFleet } from "./testing/asking-fleet.ts";
import { patient } from "./testing/fleet.ts";

describe("a call that a person allows", { timeout: 120_000 }, () => {
  const { setUp, requestsOf, untilAsked, answer, allow, newest, isAt, seen, ran, until, executionsOf } =
    useAskingFleet();

  it("runs once, and the execution that waited live goes on in place", async () => {
    const { task } = await setUp(60);
    const request = await untilAsked(task);
    expect(request).toMatchObject({
      kind: "approval",
      reason: expect.stringContaining("It must be noted."),
      approval: { tool: "run_command", toolClass: "outside_workspace" },
    });
    await allow(request);
    expect((await until(task, "completed")).runs).toBe(1);
    expect(ran()).toBe(1);
    const [settled, ...others] = await requestsOf(task);
    expect(others).toEqual([]);
    expect(settled?.spentAt).not.toBeNull();
    const run = (await executionsOf(task)).find(({ kind }) => kind === "run");
    expect(run?.metrics?.waitingMs).toBeGreaterThan(0);
  });

  it("gives the slot back while it waits for long, and goes on with the answer as its next prompt", async () => {
    const { task } = await setUp(0);
    const request = await untilAsked(task);
    await waitUntil(async () => (await newest(task)).isParked, { ...patient, message: "it to be parked" });
    await allow(request);
    await until(task, "completed");
    expect(ran()).toBe(1);
    expect(await requestsOf(task)).toHaveLength(1);
  });

  it("is denied: never runs, and the agent goes on without it", async () => {
    const { task } = await setUp(60);
    await answer(await untilAsked(task), { decision: "deny" });
    await until(task, "completed");
    expect(ran()).toBe(0);
  });

  it("loses nothing when the answer comes at the moment of parking", async () => {
    const { proxy, task } = await setUp(0);
    const letGo = proxy.swallow(isAt("/queue/park"));
    const request = await untilAsked(task);
    await seen(proxy, "/queue/park");
    await allow(request);
    letGo();
    await until(task, "completed");
    expect([ran(), (await requestsOf(task)).length]).toEqual([1, 1]);
  });

  it("that ran and is in the checkpoint is neither asked for nor run again when the worker dies after it", async () => {
    const { proxy, task, kill, follow } = await setUp(60);
    proxy.swallow(isAt("/queue/complete"));
    await allow(await untilAsked(task));
    await seen(proxy, "/queue/complete");
    kill();
    follow();
    await until(task, "completed");
    expect([ran(), (await requestsOf(task)).length]).toEqual([1, 1]);
  });

  it("is asked for once and runs once when the worker dies before its wait is on record", async () => {
    const { proxy, task, kill, follow } = await setUp(0);
    proxy.swallow(isAt("/queue/park"));
    const request = await untilAsked(task);
    await seen(proxy, "/queue/park");
    kill();
    await allow(request);
    follow();
    await until(task, "completed");
    expect([ran(), (await requestsOf(task)).length]).toEqual([1, 1]);
  });
});
