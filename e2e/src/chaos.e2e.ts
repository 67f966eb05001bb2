import { type ChildProcess, spawn } from "node:child_process";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { waitUntil } from "@agentvine/testkit";
import { describe, expect, it, onTestFinished } from "vitest";
import type { RunReport } from "./chaos/report.ts";
import { checkout } from "./support/agentvine.ts";
import { describeProcesses } from "./support/processes.ts";
import { useSharedTemp } from "./support/temp-home.ts";

interface Run {
  readonly child: ChildProcess;
  stdout(): string;
  stderr(): string;
  readonly exited: Promise<number | null>;
}

describe("the chaos run", () => {
  const temp = useSharedTemp();

  /** Starts it as `npm run chaos` does, with everything it makes below the test's directory. */
  const start = (...args: string[]): Run => {
    const main = join(checkout, "e2e/src/chaos/main.ts");
    const child = spawn(
      process.execPath,
      ["--conditions=@agentvine/source", "--import=tsx", main, "--json", ...args],
      { cwd: checkout, stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, TMPDIR: temp() } },
    );
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (chunk) => {
      stdout += String(chunk);
    });
    child.stderr.on("data", (chunk) => {
      stderr += String(chunk);
    });
    const exited = new Promise<number | null>((resolve) => child.once("close", resolve));
    onTestFinished(async () => {
      child.kill("SIGTERM");
      await exited;
    });
    return { child, stdout: () => stdout, stderr: () => stderr, exited };
  };
  const small = ["--tasks", "40", "--real", "0", "--real-workers", "0", "--workers", "4"];

  it("finds the stale completions of a backend without fencing, and says how to repeat the run", async () => {
    const run = start("--seed", "3", "--duration", "8", ...small, "--plant", "no-fence");
    const code = await run.exited;
    expect(code, run.stderr()).toBe(1);
    const report: RunReport = JSON.parse(run.stdout());
    expect(report.fault).toBeNull();
    const stale = report.violations.filter(({ rule }) => rule === "stale attempt");
    expect(stale.map(({ message }) => message).join("\n")).toMatch(/work_order\.completed at position \d+/);
    expect(run.stderr()).toContain(`repeat with: ${report.repeatWith}`);
    expect(report.repeatWith).toContain("--seed 3");
  });

  it("ends everything it started and leaves nothing behind when it is stopped in the middle", async () => {
    const run = start("--seed", "4", "--duration", "60", ...small);
    await waitUntil(() => /everything is up/.test(run.stderr()), { timeoutMs: 90_000 });
    run.child.kill("SIGINT");
    expect(await run.exited, run.stderr()).toBe(130);
    expect((await readdir(temp())).filter((name) => name.startsWith("agentvine"))).toEqual([]);
    expect(describeProcesses(temp())).toEqual([]);
  });
});
