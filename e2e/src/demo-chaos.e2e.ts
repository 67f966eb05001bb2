import { waitUntil } from "@agentvine/testkit";
import { describe, expect, it } from "vitest";
import { launch, untilSaid } from "./support/agentvine.ts";
import { publishedCommit, readDemoResult } from "./support/demo-result.ts";
import { processesOf } from "./support/processes.ts";
import { useSharedTemp } from "./support/temp-home.ts";

const patient = { timeoutMs: 90_000 };

describe("agentvine demo --chaos", () => {
  const temp = useSharedTemp();

  /** Ids of the executions that have live processes below a worker's data directory. */
  const executionsOf = (workerNumber: string): string[] => {
    const pattern = new RegExp(`/workers/${workerNumber}/executions/([0-9a-f-]{36})`);
    const ids = processesOf(temp()).flatMap(
      ({ environment, command }) => pattern.exec(`${environment} ${command}`)?.[1] ?? [],
    );
    return [...new Set(ids)];
  };

  it("kills a worker on the way, shows it, and still completes every task exactly once", async () => {
    const demo = launch(["demo", "--once", "--chaos", "--json"], { temp: temp() });
    const [, pid, workerNumber = ""] = await untilSaid(demo, /chaos: kill -9 (\d+) \(worker-(\d)\)/);
    const killed = executionsOf(workerNumber);
    await waitUntil(
      () => {
        const now = executionsOf(workerNumber);
        return !killed.some((id) => now.includes(id));
      },
      { timeoutMs: 3_000, message: "everything below the killed worker to be gone" },
    );
    expect(() => process.kill(Number(pid), 0)).toThrow("ESRCH");
    await untilSaid(demo, /completed in/, patient.timeoutMs);
    expect(await demo.exited).toEqual({ code: 0, signal: null });

    const stderr = demo.stderr();
    const { ok, tasks } = readDemoResult(demo.stdout());
    expect(ok).toBe(true);
    expect(Math.max(...tasks.map(({ attempts }) => attempts))).toBeGreaterThanOrEqual(2);
    expect(stderr).toMatch(/lease/i);
    for (const task of tasks) {
      expect(await publishedCommit(task)).toBe(task.commit);
      const endings = stderr.match(
        new RegExp(`^ *[\\d.]+s  ${task.type} +(completed|failed|cancelled|in review)\\b`, "gm"),
      );
      expect(endings, `endings of ${task.type}`).toHaveLength(1);
    }
  });
});
