import { writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { waitUntil } from "@agentvine/testkit";
import { describe, expect, it } from "vitest";
import { useAskingFleet } from "./testing/asking-fleet.ts";
import { patient } from "./testing/fleet.ts";

/** What an agent was allowed to do happens once, and people are asked once, whatever is killed. */
describe.each(["worker", "executor"] as const)(
  "a call that a person allows, whose %s is killed",
  { timeout: 120_000 },
  (killed) => {
    const { setUp, requestsOf, untilAsked, answer, allow, newest, isAt, seen, ran, hold, until } =
      useAskingFleet();

    it("is asked for once and runs once when it dies before it hears that it asked", async () => {
      const { proxy, task, kill, follow } = await setUp(60, killed);
      proxy.cutReplies(1_000, isAt("/worker-requests"));
      await untilAsked(task);
      kill();
      follow();
      await waitUntil(async () => (await newest(task)).attempt === 2, {
        ...patient,
        message: "its adoption",
      });
      await allow(await newest(task));
      await until(task, "completed");
      expect([ran(), (await requestsOf(task)).length]).toEqual([1, 1]);
    });

    it("is asked for once and runs once when it dies while it waits", async () => {
      const { proxy, task, kill, follow } = await setUp(60, killed);
      await untilAsked(task);
      await seen(proxy, "/wait");
      kill();
      // Answered while nobody is there to hear it.
      await allow(await newest(task));
      follow();
      await until(task, "completed");
      expect([ran(), (await requestsOf(task)).length]).toEqual([1, 1]);
    });

    it("is asked for once and runs once when it dies between the answer and its use", async () => {
      const { proxy, task, kill, follow } = await setUp(60, killed);
      proxy.swallow(isAt("/spend"));
      await allow(await untilAsked(task));
      await seen(proxy, "/spend");
      kill();
      follow();
      await until(task, "completed");
      expect([ran(), (await requestsOf(task)).length]).toEqual([1, 1]);
    });

    it("used up but perhaps not run when it died, does not run again without another allowance", async () => {
      const { proxy, task, kill, follow } = await setUp(60, killed);
      proxy.cutReplies(1_000, isAt("/spend"));
      await allow(await untilAsked(task));
      await waitUntil(async () => (await newest(task)).spentAt !== null, { ...patient, message: "its use" });
      kill();
      follow();
      const second = await untilAsked(task, 2);
      expect(ran()).toBe(0);
      await allow(second);
      await until(task, "completed");
      expect([ran(), (await requestsOf(task)).length]).toEqual([1, 2]);
    });

    it("killed while it runs, does not run again without another allowance", async () => {
      const { task, kill, follow } = await setUp(60, killed);
      writeFileSync(hold(), "");
      await allow(await untilAsked(task));
      await waitUntil(() => ran() === 1, { ...patient, message: "the command to run" });
      kill();
      follow();
      const second = await untilAsked(task, 2);
      await rm(hold());
      await answer(second, { decision: "deny" });
      await until(task, "completed");
      expect(ran()).toBe(1);
    });
  },
);
