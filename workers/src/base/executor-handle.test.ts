import { spawn } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { listProcessesWithEnv, processIsAlive, useTempDir, waitUntil } from "@agentvine/testkit";
import { describe, expect, it, onTestFinished } from "vitest";
import type { ExecutorSettings } from "../execution/executor-channel.ts";
import { type ExecutorSpec, startExecutor } from "./executor-handle.ts";
import { aClaim, silentLogger } from "./testing/fakes.ts";

const settings: ExecutorSettings = {
  serverUrl: "http://127.0.0.1:9",
  dataDir: "/nowhere",
  workerName: "w",
  isLocalMode: true,
  allowsPrivateHosts: false,
  agent: null,
  sandbox: "none",
  limits: { stepsMax: 1, tokensMax: 1, workspaceBytesMax: 1, diskFreeBytesMin: 0 },
  stopGraceMs: 1_000,
  waiting: { liveMsMax: 240_000, pollSeconds: 45 },
  logLevel: "silent",
};
const failure = {
  outcome: "failed",
  failure: "agent",
  reason: "no",
  isRetryable: false,
  summary: "",
  evidence: null,
  metrics: null,
  exitCode: null,
};
/** A grandchild in a session of its own that ignores TERM: what an agent may leave behind. */
const leaveSomethingBehind = `
  const left = require("node:child_process").spawn(process.execPath,
    ["-e", "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)"], { detached: true, stdio: "ignore" });
`;

describe("startExecutor", () => {
  const dir = useTempDir();

  /** Starts an executor whose program is the given script; `on` handles messages, `say` sends them. */
  const anExecutor = async (script: string, changes: Partial<ExecutorSpec> = {}) => {
    const entry = join(dir(), "executor.cjs");
    await writeFile(entry, `const say = (message) => process.send(message);\n${script}`);
    const claim = aClaim();
    const handle = startExecutor({
      entry,
      claim,
      settings,
      env: { PATH: process.env.PATH ?? "", DIR: dir() },
      logger: silentLogger,
      ...changes,
    });
    onTestFinished(() => handle.fence("test over"));
    const leftovers = () => listProcessesWithEnv(`AGENTVINE_EXECUTION_ID=${claim.executionId}`);
    return { handle, claim, leftovers };
  };
  const cooperative = `
    process.on("message", (message) => {
      if (message.type === "start") say({ type: "result", result: { kind: "fail", result: ${JSON.stringify(failure)} } });
      if (message.type === "ping") say({ type: "pong", id: message.id });
      if (message.type === "result_kept") process.exit(0);
    });
    say({ type: "ready" });
  `;

  it("hands the order over the pipe, takes the result, and sees the process off", async () => {
    const { handle } = await anExecutor(cooperative);
    const end = await handle.ended;
    expect(end).toEqual({ kind: "result", result: { kind: "fail", result: failure } });
    expect(processIsAlive(handle.pid ?? 0)).toBe(true);
    handle.confirmResult();
    await handle.gone;
    expect(processIsAlive(handle.pid ?? 0)).toBe(false);
  });

  it("keeps the attempt's token out of command line and environment", async () => {
    const { handle, claim } = await anExecutor(cooperative);
    await handle.ended;
    const commandLine = await readFile(`/proc/${handle.pid}/cmdline`, "utf8");
    const environment = await readFile(`/proc/${handle.pid}/environ`, "utf8");
    expect(commandLine + environment).not.toContain(claim.attemptToken);
    expect(environment).toContain(claim.executionId);
    handle.confirmResult();
    await handle.gone;
  });

  it("answers for an executor only when that one answers itself", async () => {
    const { handle } = await anExecutor(cooperative);
    await handle.ended;
    expect(await handle.ping(5_000)).toBe(true);
    process.kill(handle.pid ?? 0, "SIGSTOP");
    expect(await handle.ping(100)).toBe(false);
    handle.fence("stopped");
    await handle.gone;
    expect(await handle.ping(5_000)).toBe(false);
  });

  it("counts an executor that still loads as alive, for its lease may be shorter, and one that died on the way as dead", async () => {
    const { handle } = await anExecutor(`setInterval(() => {}, 1000)`);
    expect(await handle.ping(50)).toBe(true);
    process.kill(handle.pid ?? 0, "SIGKILL");
    await handle.gone;
    expect(await handle.ping(5_000)).toBe(false);
  });

  it("tells how an executor ended that left no result", async () => {
    const { handle } = await anExecutor(`process.exit(7)`);
    expect(await handle.ended).toEqual({
      kind: "crashed",
      reason: "the executor ended without a result (exit code 7)",
    });
    const killed = await anExecutor(`say({ type: "ready" }); setInterval(() => {}, 1000)`);
    process.kill(killed.handle.pid ?? 0, "SIGKILL");
    expect(await killed.handle.ended).toMatchObject({
      kind: "crashed",
      reason: expect.stringContaining("SIGKILL"),
    });
  });

  it("ends an executor that says something outside the protocol, or nothing at all", async () => {
    const odd = await anExecutor(
      `say({ type: "result", result: { kind: "won" } }); setInterval(() => {}, 1000)`,
    );
    expect(await odd.handle.ended).toMatchObject({ kind: "crashed" });
    await odd.handle.gone;
    const mute = await anExecutor(`setInterval(() => {}, 1000)`, { loadMsMax: 50 });
    expect(await mute.handle.ended).toMatchObject({
      kind: "crashed",
      reason: "the executor did not start in time",
    });
    await mute.handle.gone;
  });

  it("removes everything below a fenced executor, and takes no result of it any more", async () => {
    const { handle, leftovers } = await anExecutor(
      `${leaveSomethingBehind} say({ type: "ready" }); setInterval(() => {}, 1000)`,
    );
    await waitUntil(() => leftovers().length >= 2);
    handle.fence("lease over");
    expect(await handle.ended).toEqual({ kind: "lease_lost", reason: "lease over" });
    await handle.gone;
    expect(leftovers()).toEqual([]);
  });

  it("kills a cancelled executor that does not come back in time", async () => {
    const { handle, leftovers } = await anExecutor(
      `${leaveSomethingBehind} process.on("message", () => {}); say({ type: "ready" }); setInterval(() => {}, 1000)`,
      { cancelMsMax: 100 },
    );
    await waitUntil(() => leftovers().length >= 2);
    handle.cancel("enough");
    expect(await handle.ended).toEqual({ kind: "cancelled", reason: "enough" });
    await handle.gone;
    expect(leftovers()).toEqual([]);
  });

  it("takes the result of a cancelled or drained executor that comes back in time", async () => {
    const { handle } = await anExecutor(`
      process.on("message", (message) => {
        if (message.type === "drain") say({ type: "result", result: { kind: "release", reason: message.reason } });
        if (message.type === "result_kept") process.exit(0);
      });
      say({ type: "ready" });
    `);
    handle.drain("going", 10_000);
    expect(await handle.ended).toEqual({ kind: "result", result: { kind: "release", reason: "going" } });
    handle.confirmResult();
    await handle.gone;
  });

  it("kills an executor whose order ran out of time", async () => {
    const { handle } = await anExecutor(`say({ type: "ready" }); setInterval(() => {}, 1000)`);
    handle.timeOut("over");
    expect(await handle.ended).toEqual({ kind: "timed_out", reason: "over" });
    await handle.gone;
  });

  it("leaves nothing alive within a second when the supervisor is killed with -9", async () => {
    const entry = join(dir(), "executor.cjs");
    await writeFile(
      entry,
      `${leaveSomethingBehind} process.on("disconnect", () => {}); process.send({ type: "ready" }); setInterval(() => {}, 1000)`,
    );
    const claim = aClaim();
    const program = join(dir(), "supervisor.ts");
    const handleModule = new URL("./executor-handle.ts", import.meta.url).href;
    const fakes = new URL("./testing/fakes.ts", import.meta.url).href;
    await writeFile(
      program,
      `import { startExecutor } from ${JSON.stringify(handleModule)};
       import { silentLogger } from ${JSON.stringify(fakes)};
       startExecutor({ entry: ${JSON.stringify(entry)}, claim: ${JSON.stringify(claim)}, settings: ${JSON.stringify(settings)},
         env: { PATH: process.env.PATH }, logger: silentLogger });
       setInterval(() => {}, 1000);`,
    );
    const supervisor = spawn(
      process.execPath,
      ["--conditions=@agentvine/source", "--import", "tsx", program],
      {
        stdio: "ignore",
        cwd: fileURLToPath(new URL("../../..", import.meta.url)),
      },
    );
    const tag = `AGENTVINE_EXECUTION_ID=${claim.executionId}`;
    await waitUntil(() => listProcessesWithEnv(tag).length >= 2, { timeoutMs: 20_000 });
    supervisor.kill("SIGKILL");
    await waitUntil(() => listProcessesWithEnv(tag).length === 0, {
      timeoutMs: 1_000,
      message: "all to be gone",
    });
  });
});
