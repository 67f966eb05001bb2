import { spawn } from "node:child_process";
import { newId } from "@agentvine/kit";
import { listProcessesWithEnv, processIsAlive, waitUntil } from "@agentvine/testkit";
import { afterEach, describe, expect, it } from "vitest";
import { identifyProcess, isProcessAlive, sendSignal } from "./process-table.ts";
import { processTags, sweepProcesses } from "./sweep-processes.ts";
import { startWatcher } from "./watcher.ts";

const onLinux = describe.skipIf(process.platform !== "linux");
const started: number[] = [];

afterEach(() => {
  for (const pid of started.splice(0)) {
    sendSignal(-pid, "SIGKILL");
    sendSignal(pid, "SIGKILL");
  }
});

/** Grandchildren in all the ways that survive a plain kill: own session, nohup, TERM ignored, orphaned. */
const stubborn = `
trap '' TERM HUP
setsid sh -c "trap '' TERM HUP INT; while :; do sleep 60; done" &
setsid nohup sleep 60 >/dev/null 2>&1 &
(sh -c 'sleep 60 & sleep 61 &' &)
env -i sleep 62 &
while :; do sleep 60; done
`;

function startTagged(executionId: string, script: string): number {
  const child = spawn("/bin/sh", ["-c", script], {
    detached: true,
    stdio: "ignore",
    env: { PATH: "/usr/bin:/bin", [processTags.execution]: executionId },
  });
  child.unref();
  const pid = child.pid ?? 0;
  started.push(pid);
  return pid;
}

const tagged = (executionId: string) => listProcessesWithEnv(`${processTags.execution}=${executionId}`);

onLinux("sweepProcesses", () => {
  it("kills everything that carries the tag, in whatever session, and nothing else", async () => {
    const executionId = newId();
    const bystander = startTagged(newId(), "sleep 60");
    const leader = startTagged(executionId, stubborn);
    await waitUntil(() => tagged(executionId).length >= 6);
    expect(await sweepProcesses(executionId)).toBeGreaterThanOrEqual(6);
    expect(tagged(executionId)).toEqual([]);
    expect(processIsAlive(leader)).toBe(false);
    expect(processIsAlive(bystander)).toBe(true);
  });

  it("keeps up with a process that forks faster than one look", async () => {
    const executionId = newId();
    startTagged(executionId, "spawn() { (setsid sleep 60 &); }; while :; do spawn; sleep 0.01; done");
    await waitUntil(() => tagged(executionId).length >= 5);
    await sweepProcesses(executionId);
    expect(tagged(executionId)).toEqual([]);
  });

  it("finds nothing to do for an execution without processes", async () => {
    expect(await sweepProcesses(newId())).toBe(0);
  });
});

describe("identifyProcess", () => {
  it("names a live process and no dead one", async () => {
    const pid = startTagged(newId(), "sleep 60");
    const identity = identifyProcess(pid) ?? "";
    expect(isProcessAlive(identity)).toBe(true);
    sendSignal(pid, "SIGKILL");
    await waitUntil(() => !isProcessAlive(identity));
    expect(identifyProcess(0x3f_ff_ff)).toBeNull();
  });

  it("does not take another process with the same pid for the one named", () => {
    expect(isProcessAlive(`${process.pid}@1`)).toBe(false);
  });
});

onLinux("the watcher", () => {
  const watcherModule = new URL("./watcher.ts", import.meta.url).href;

  /** A supervisor of its own that starts the watcher over an executor and is then killed. */
  async function superviseAndKill(executionId: string, executorPid: number): Promise<void> {
    const supervisor = spawn(
      process.execPath,
      [
        "--conditions=@agentvine/source",
        "--import=tsx",
        "--input-type=module",
        "-e",
        `const { startWatcher } = await import(${JSON.stringify(watcherModule)});
         startWatcher(${JSON.stringify(executionId)}, ${executorPid});
         process.stdout.write("watching");
         setInterval(() => {}, 1000);`,
      ],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    started.push(supervisor.pid ?? 0);
    let output = "";
    supervisor.stdout.on("data", (chunk) => {
      output += String(chunk);
    });
    await waitUntil(() => output === "watching");
    supervisor.kill("SIGKILL");
  }

  it("takes the executor and everything below it away within a second of its supervisor's kill -9", async () => {
    const executionId = newId();
    const executor = startTagged(executionId, stubborn);
    await waitUntil(() => tagged(executionId).length >= 6);
    await superviseAndKill(executionId, executor);
    const startedMs = performance.now();
    await waitUntil(() => tagged(executionId).length === 0 && !processIsAlive(executor), {
      timeoutMs: 5_000,
    });
    // One second is the promise; the rest is room for a loaded machine.
    expect(performance.now() - startedMs).toBeLessThan(2_000);
  });

  it("leaves everything alone when told that the executor ended", async () => {
    const executionId = newId();
    const executor = startTagged(executionId, "sleep 60");
    const watcher = startWatcher(executionId, executor);
    await watcher.stop();
    await watcher.stop();
    expect(processIsAlive(executor)).toBe(true);
    expect(processIsAlive(watcher.pid ?? 0)).toBe(false);
  });

  it("shows no environment of ours and no secret to a list of processes", async () => {
    const watcher = startWatcher(newId(), 0x3f_ff_ff);
    expect(listProcessesWithEnv(`HOME=${process.env.HOME}`)).not.toContain(watcher.pid);
    await watcher.stop();
  });
});
