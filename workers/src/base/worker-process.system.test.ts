import { once } from "node:events";
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { endpoints } from "@agentvine/contracts";
import { waitUntil } from "@agentvine/testkit";
import { describe, expect, it, onTestFinished } from "vitest";
import { patient, useFleet } from "./testing/fleet.ts";
import type { WorkerProcessOptions } from "./testing/worker-process.ts";

describe("the worker process", { timeout: 120_000 }, () => {
  const {
    client,
    dir,
    aName,
    aWorker,
    aTask,
    until,
    countOf,
    finalEventsOf,
    executionsOf,
    branches,
    untilRunning,
    left,
    hang,
  } = useFleet();

  it("takes a task to a published branch, says what it does, and leaves nothing behind", async () => {
    const worker = aWorker();
    const { workerId } = await worker.ready;
    const status = JSON.parse(await readFile(join(worker.dataDir, "worker.json"), "utf8"));
    expect(status).toMatchObject({ pid: worker.pid, name: worker.name, workerId });
    const task = await aTask(worker.name);
    const done = await until(task, "completed");
    expect(done.result).toMatchObject({ outcome: "succeeded", branch: `agentvine/${task.id}/a1` });
    expect(await branches()).toEqual([`agentvine/${task.id}/a1`]);
    const [run] = (await executionsOf(task)).filter(({ kind }) => kind === "run");
    if (run === undefined) throw new Error("no execution");
    const params = { executionId: run.id };
    const logs = await client().call(endpoints.executions.logs, { params, query: { limit: 1_000 } });
    expect(logs.isComplete).toBe(true);
    expect(logs.items.some(({ message }) => message.startsWith("run"))).toBe(true);
    const artifacts = await client().call(endpoints.executions.artifacts, { params });
    expect(artifacts.items.map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(["bundle", "diff", "evidence", "log"]),
    );
    await waitUntil(async () => (await readdir(join(worker.dataDir, "executions"))).length === 0);
    worker.signal("SIGTERM");
    expect(await worker.exited).toEqual({ code: 0, signal: null });
    expect(existsSync(join(worker.dataDir, "worker.json"))).toBe(false);
    expect(await readdir(join(worker.dataDir, "outbox"))).toEqual([]);
  });

  it("gives its work back within the grace time when it is stopped, and that is no loss", async () => {
    const label = aName();
    const worker = aWorker({ name: label, agent: hang(), env: { AGENTVINE_WORKER_GRACE_SECONDS: "4" } });
    await worker.ready;
    const task = await aTask(label);
    const executionId = await untilRunning(task);
    worker.signal("SIGTERM");
    expect(await worker.exited).toEqual({ code: 0, signal: null });
    expect(left(executionId)).toEqual([]);
    expect(await countOf(task, "work_order.released")).toBe(1);
    expect(await countOf(task, "work_order.lease_lost")).toBe(0);
    aWorker({ env: { AGENTVINE_WORKER_LABELS: label } });
    await until(task, "completed");
  });

  it("ends a cancelled task's agent within 15 seconds, though it ignores TERM", {
    timeout: 60_000,
  }, async () => {
    const worker = aWorker({ agent: hang() });
    await worker.ready;
    const task = await aTask(worker.name);
    const executionId = await untilRunning(task);
    const startedMs = performance.now();
    await client().call(endpoints.tasks.cancel, { params: { taskId: task.id }, body: {} });
    await waitUntil(() => left(executionId).length === 0, {
      timeoutMs: 15_000,
      message: "its processes to be gone",
    });
    // It got its ten seconds to end by itself.
    expect(performance.now() - startedMs).toBeGreaterThan(9_000);
    expect(performance.now() - startedMs).toBeLessThan(15_000);
    await until(task, "cancelled");
    expect(await finalEventsOf(task)).toBe(1);
    const [execution] = await executionsOf(task);
    await waitUntil(async () => (await executionsOf(task))[0]?.status === "cancelled", patient);
    expect(execution?.id).toBe(executionId);
  });

  it("stops when another process registers under its name, with one clear line", async () => {
    const first = aWorker();
    await first.ready;
    const second = aWorker({ name: first.name, dataDir: join(dir(), "second") });
    await second.ready;
    expect(await first.exited).toEqual({ code: 1, signal: null });
    expect(first.stderr()).toMatch(/^agentvine: .*\(worker\.superseded\)$/m);
    expect(await readdir(join(dir(), "second"))).toContain("worker.json");
  });

  it.each([
    ["a wrong key", { token: "avk_wrong" }, "auth.invalid"],
    [
      "no acceptance of no sandbox",
      { env: { AGENTVINE_WORKER_ACCEPT_NO_SANDBOX: "false" } },
      "sandbox.unavailable",
    ],
    ["a sandbox that is not there", { env: { AGENTVINE_WORKER_SANDBOX: "auto" } }, "sandbox.unavailable"],
    ["a setting that is no number", { env: { AGENTVINE_WORKER_SLOTS: "many" } }, "config.invalid"],
    ["a data directory that is a file", { dataDir: "/dev/null/x" }, "home.unusable"],
    [
      "a key that does not come",
      { token: "", env: { AGENTVINE_TOKEN_FILE: "/nowhere/key", AGENTVINE_TOKEN_WAIT_SECONDS: "0" } },
      "auth.required",
    ],
  ])("ends with one clear line on %s", async (_, options, code) => {
    const worker = aWorker(options as Partial<WorkerProcessOptions>);
    expect(await worker.exited).toEqual({ code: 1, signal: null });
    expect(worker.stderr().trim().split("\n").at(-1)).toMatch(
      new RegExp(`^agentvine: .+ \\(${code.replace(".", "\\.")}\\)$`),
    );
  });

  it("whose protocol is too old ends with the backend's line after one try", async () => {
    let asked = 0;
    const message = "This backend understands protocol 7 and newer. Install version 9.0.0 for the worker.";
    const backend = createServer((_, reply) => {
      asked += 1;
      reply.writeHead(409, { "content-type": "application/json" });
      reply.end(JSON.stringify({ error: { code: "worker.protocol_unsupported", message, requestId: "r" } }));
    }).listen(0, "127.0.0.1");
    onTestFinished(() => void backend.close());
    await once(backend, "listening");
    const { port } = backend.address() as AddressInfo;
    const worker = aWorker({ serverUrl: `http://127.0.0.1:${port}` });
    expect(await worker.exited).toEqual({ code: 1, signal: null });
    expect(worker.stderr().trim().split("\n").at(-1)).toBe(
      `agentvine: ${message} (worker.protocol_unsupported)`,
    );
    expect(asked).toBe(1);
  });

  it("holds its data directory alone", async () => {
    const first = aWorker();
    await first.ready;
    const second = aWorker({ dataDir: first.dataDir });
    expect((await second.exited).code).toBe(1);
    expect(second.stderr()).toContain("(home.in_use)");
  });
});
