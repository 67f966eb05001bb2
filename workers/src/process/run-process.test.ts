import { dirname } from "node:path";
import { listProcessesWithEnv, processIsAlive, waitUntil } from "@agentvine/testkit";
import { describe, expect, it } from "vitest";
import { type ProcessSpec, runProcess } from "./run-process.ts";

const env = { PATH: `${dirname(process.execPath)}:/usr/bin:/bin` };

function run(argv: [string, ...string[]], more: Partial<ProcessSpec> = {}) {
  return runProcess({ argv, env, timeoutMs: 15_000, outputBytesMax: 10_000, ...more });
}

const sh = (script: string, more: Partial<ProcessSpec> = {}) => run(["/bin/sh", "-c", script], more);

describe("a command", () => {
  it("gives its output and exit code", async () => {
    const result = await sh("echo out; echo err >&2; exit 3");
    expect(result).toMatchObject({
      endedBy: "exit",
      exitCode: 3,
      stdout: "out\n",
      stderr: "err\n",
      stdoutBytes: 4,
      isTruncated: false,
    });
    expect(result.durationMs).toBeGreaterThan(0);
  });

  it("reads its input to the end", async () => {
    const text = "x".repeat(300_000);
    const result = await run(["wc", "-c"], { stdin: text });
    expect(result.stdout.trim()).toBe("300000");
  });

  it("may end without reading its input", async () => {
    const result = await run(["true"], { stdin: Buffer.alloc(5_000_000) });
    expect(result).toMatchObject({ endedBy: "exit", exitCode: 0 });
  });

  it("sees no environment but the given one and its tag", async () => {
    const result = await run(["/usr/bin/env"], { env: { A: "1" } });
    const names = result.stdout.split("\n").map((line) => line.split("=")[0]);
    expect(names.filter((name) => name !== "").sort()).toEqual(["A", "AGENTVINE_COMMAND_ID"]);
  });

  it("is told as data when it can't be started", async () => {
    expect(await run(["/no/such/tool"])).toMatchObject({
      endedBy: "spawn_error",
      exitCode: null,
      stderr: "could not start /no/such/tool: ENOENT (not installed, or its directory is gone)",
    });
    expect(await run(["true"], { cwd: "/no/such/directory" })).toMatchObject({ endedBy: "spawn_error" });
    expect(await run(["echo", "a\u0000b"])).toMatchObject({ endedBy: "spawn_error" });
    expect(await run(["echo", "x".repeat(5_000_000)])).toMatchObject({ endedBy: "spawn_error" });
  });

  it("is told as ended by a signal when something killed it", async () => {
    expect(await sh("kill -9 $$")).toMatchObject({ endedBy: "signal", exitCode: null });
  });

  it("takes along what it left running in its group, without waiting for it", async () => {
    const result = await sh("sleep 60 & echo $!");
    expect(result.durationMs).toBeLessThan(10_000);
    await waitUntil(() => !processIsAlive(Number(result.stdout)));
  });

  it("ends although something in a session of its own still holds its output", async () => {
    const result = await sh("setsid sleep 60 & echo $!; sleep 0.1");
    const left = listProcessesWithEnv("LEFT=1");
    expect(left).toEqual([]);
    expect(result).toMatchObject({ endedBy: "exit", exitCode: 0 });
    expect(result.durationMs).toBeLessThan(10_000);
    process.kill(Number(result.stdout), "SIGKILL");
  });
});

describe("the output", () => {
  it("keeps head and tail with a visible marker and counts everything", async () => {
    const result = await sh("echo first; head -c 100000 /dev/zero | tr '\\0' x; echo; echo last", {
      outputBytesMax: 1_000,
    });
    expect(result.stdout).toMatch(/^first\n/);
    expect(result.stdout).toMatch(/last\n$/);
    expect(result.stdout).toContain("bytes left out …]");
    expect(result.stdout.length).toBeLessThan(1_100);
    expect(result).toMatchObject({ stdoutBytes: 100_012, isTruncated: true });
  });

  it("of bytes that are no UTF-8 becomes replacement characters", async () => {
    expect((await sh("printf 'a\\377b'")).stdout).toBe("a\ufffdb");
  });

  it("is never more than bounded memory, also for a gigabyte of binary", async () => {
    globalThis.gc?.();
    const before = process.memoryUsage.rss();
    let peak = 0;
    const result = await sh("head -c 1073741824 /dev/zero", {
      timeoutMs: 60_000,
      onOutput: () => {
        peak = Math.max(peak, process.memoryUsage.rss());
      },
    });
    expect(result.stdoutBytes).toBe(1_073_741_824);
    expect((peak - before) / 1_048_576).toBeLessThan(150);
  }, 60_000);

  it("waits for its reader: a slow one holds the command back and loses nothing", async () => {
    let seen = 0;
    let inside = 0;
    const result = await sh("head -c 2000000 /dev/zero", {
      onOutput: async (_stream, chunk) => {
        inside += 1;
        expect(inside).toBe(1);
        await new Promise((resolve) => setImmediate(resolve));
        seen += chunk.length;
        inside -= 1;
      },
    });
    expect(seen).toBe(2_000_000);
    expect(result.stdoutBytes).toBe(2_000_000);
  });

  it("beyond the limit ends the command", async () => {
    const result = await sh("yes", { outputBytesLimit: 1_000_000 });
    expect(result.endedBy).toBe("output_limit");
    expect(result.stdoutBytes).toBeGreaterThan(1_000_000);
  });

  it("gives back the error of its reader once the command is gone", async () => {
    const failing = sh("yes & echo $!; wait", {
      onOutput: () => {
        throw new Error("reader broke");
      },
    });
    await expect(failing).rejects.toThrow("reader broke");
  });
});

describe("cutting off", () => {
  it("asks first: a command that listens to TERM may still say goodbye", async () => {
    const controller = new AbortController();
    const result = await sh("trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.05; done", {
      signal: controller.signal,
      graceMs: 15_000,
      onOutput: () => controller.abort(),
    });
    expect(result).toMatchObject({ endedBy: "abort", exitCode: 7, stdout: "ready\nbye\n" });
  });

  it("ends a command that hangs when its time is up", async () => {
    expect(await sh("sleep 60", { timeoutMs: 100 })).toMatchObject({ endedBy: "timeout", exitCode: null });
  });

  it("kills a command that ignores TERM after the grace time, with all that hides in other sessions", async () => {
    const controller = new AbortController();
    const tag = `HIDING=${process.pid}-${Date.now()}`;
    const [name = "", value = ""] = tag.split("=");
    const running = sh(
      "trap '' TERM; setsid sh -c \"trap '' TERM HUP; sleep 60; :\" & nohup sleep 60 & echo go; wait; sleep 60",
      {
        env: { ...env, [name]: value },
        signal: controller.signal,
        graceMs: 50,
        onOutput: () => controller.abort(),
      },
    );
    const result = await running;
    expect(result.endedBy).toBe("abort");
    await waitUntil(() => listProcessesWithEnv(tag).length === 0);
  });

  it("does not start a command whose signal is already aborted", async () => {
    expect(await run(["true"], { signal: AbortSignal.abort() })).toMatchObject({ endedBy: "abort" });
  });
});
