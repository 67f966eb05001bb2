import { type ChildProcess, spawn } from "node:child_process";
import { afterEach, describe, expect, it } from "vitest";
import { listProcessesWithEnv, processIsAlive } from "./processes.ts";
import { waitUntil } from "./wait-until.ts";

const started: ChildProcess[] = [];
afterEach(() => {
  for (const child of started.splice(0)) {
    child.kill("SIGKILL");
  }
});

function start(command: string, args: string[], env: Record<string, string> = {}): ChildProcess {
  const child = spawn(command, args, {
    env: { PATH: "/usr/bin:/bin", ...env },
    stdio: ["ignore", "pipe", "ignore"],
  });
  started.push(child);
  return child;
}

describe("processIsAlive", () => {
  it("is true while a process runs, and for one of another user", () => {
    const child = start("sleep", ["60"]);
    expect(processIsAlive(child.pid ?? 0)).toBe(true);
    expect(processIsAlive(1)).toBe(true);
  });

  it("is false for one that ended and for a zombie", async () => {
    // The shell becomes `sleep`, which never collects the child that the shell started.
    const parent = start("sh", ["-c", "sleep 0.01 & echo $!; exec sleep 60"]);
    const pid = await new Promise<number>((resolve) =>
      parent.stdout?.once("data", (text) => resolve(Number(text))),
    );
    await waitUntil(() => !processIsAlive(pid), { message: "the zombie to count as dead" });
    expect(processIsAlive(2 ** 22 + 1)).toBe(false);
  });
});

describe("listProcessesWithEnv", () => {
  it("finds exactly the live processes with the tag", async () => {
    const tag = `AGENTVINE_TEST_TAG=${Math.random()}`;
    const [name = "", value = ""] = tag.split("=");
    const child = start("sleep", ["60"], { [name]: value });
    start("sleep", ["60"], { [name]: `${value}0` });
    await waitUntil(() => listProcessesWithEnv(tag).length > 0);
    expect(listProcessesWithEnv(tag)).toEqual([child.pid]);
    child.kill("SIGKILL");
    await waitUntil(() => listProcessesWithEnv(tag).length === 0);
  });
});
