import { existsSync } from "node:fs";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Client, createClient } from "@agentvine/client";
import { endpoints, type Task, type TaskCreateInput, type Worker } from "@agentvine/contracts";
import {
  type BackendProcess,
  createRepository,
  FaultProxy,
  listProcessesWithEnv,
  processIsAlive,
  startBackend,
  waitUntil,
} from "@agentvine/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { run } from "./support/agentvine.ts";
import { measured } from "./support/measured.ts";
import { watchMemory } from "./support/memory-watch.ts";
import { childOf } from "./support/processes.ts";
import { mountSmallDisk } from "./support/small-disk.ts";
import {
  createTask,
  endingsOf,
  eventsOf,
  executionsOf,
  publishedBranches,
  readTask,
  untilStatus,
} from "./support/tasks.ts";
import { useSharedTemp } from "./support/temp-home.ts";
import { createWallClock } from "./support/wall-clock.ts";
import { startWorker, type WorkerProcess } from "./support/worker-process.ts";

const leaseMs = 5_000;
/** A worker stops its work this long before its lease can be over. */
const marginMs = leaseMs / 4;
const mebibyte = 1_048_576;
/** A thousand by hand. */
const floodMebibytes = Number(process.env.AGENTVINE_TEST_FLOOD_MEBIBYTES ?? 128);
const patient = { timeoutMs: 60_000, intervalMs: 50 };
const writeGuide = "printf '# Guide\\n\\nCall sum; see the README.\\n' > GUIDE.md";
const quote = (path: string): string => `'${path.replaceAll("'", "'\\''")}'`;
/** Sends a signal to those of the processes that still run. */
const signalAll = (pids: readonly number[], signal: NodeJS.Signals): void => {
  for (const pid of pids.filter(processIsAlive)) {
    try {
      process.kill(pid, signal);
    } catch {
      // It ended in this moment: a shell's short command.
    }
  }
};

describe("bad days of a worker", () => {
  const temp = useSharedTemp();
  let backend: BackendProcess;
  let client: Client;
  let workerKey: string;

  beforeAll(async () => {
    backend = await startBackend({
      env: {
        AGENTVINE_LEASE_SECONDS: String(leaseMs / 1_000),
        AGENTVINE_HEARTBEAT_SECONDS: "1",
        AGENTVINE_RETRY_BASE_SECONDS: "0.1",
      },
    });
    client = createClient({ baseUrl: backend.url, token: backend.token });
    workerKey = (await readFile(join(backend.home, "worker.key"), "utf8")).trim();
  });
  afterAll(() => backend?.stop());

  interface Options {
    readonly agent: string;
    readonly label: string;
    readonly dataDir?: string;
    readonly serverUrl?: string;
    readonly token?: string;
    readonly env?: Readonly<Record<string, string>>;
  }
  const aWorker = async (
    name: string,
    { agent, label, dataDir, serverUrl, token, env }: Options,
  ): Promise<WorkerProcess> => {
    const worker = await startWorker({
      serverUrl: serverUrl ?? backend.url,
      token: token ?? workerKey,
      name,
      dataDir: dataDir ?? join(temp(), name),
      agent: ["sh", "-c", agent],
      env: { AGENTVINE_WORKER_LABELS: label, ...env },
    });
    onTestFinished(async () => {
      worker.signal("SIGCONT");
      await worker.stop();
    });
    return worker;
  };
  const repository = (): string => join(temp(), "sums");
  beforeEach(async () => {
    await createRepository(repository(), { "README.md": "# Sums\n\nAdds numbers.\n", "sum.js": "" });
  });
  const queue = (label: string, changes: Partial<TaskCreateInput> = {}): Promise<Task> =>
    createTask(client, {
      title: "Write a guide",
      type: "docs",
      repositoryUrl: repository(),
      permissionLevel: "autonomous",
      requiredLabels: [label],
      ...changes,
    });
  const read = ({ workerId }: WorkerProcess): Promise<Worker> =>
    client.call(endpoints.workers.get, { params: { workerId } });
  /** Waits until the worker has been heard of so often. */
  const untilHeard = async (worker: WorkerProcess, times: number): Promise<void> => {
    const heard = new Set([(await read(worker)).lastHeartbeatAt]);
    await waitUntil(async () => heard.add((await read(worker)).lastHeartbeatAt).size > times, patient);
  };
  const countOf = async (task: Task, type: string): Promise<number> =>
    (await eventsOf(client, task)).filter((event) => event.type === type).length;
  const treeOf = (executionId: string): number[] =>
    listProcessesWithEnv(`AGENTVINE_EXECUTION_ID=${executionId}`);
  /** An agent that says it runs, and does its work when the test opens the gate. */
  const heldAgent = (name = "agent") => {
    const [held, gate] = [join(temp(), `${name}-held`), join(temp(), `${name}-gate`)];
    return {
      script: `touch ${quote(held)}; while [ ! -e ${quote(gate)} ]; do sleep 0.05; done; ${writeGuide}`,
      /** The execution's id, once it runs. */
      running: (task: Task): Promise<string> =>
        waitUntil(
          async () => (existsSync(held) ? (await executionsOf(client, task))[0]?.id : undefined),
          patient,
        ),
      open: () => writeFile(gate, ""),
    };
  };
  /** It was done once, by the second attempt; the first one was lost and left nothing in the repository. */
  const expectSecondAttempt = async (task: Task, by: WorkerProcess): Promise<void> => {
    await untilStatus(client, task, "completed");
    expect(await endingsOf(client, task)).toEqual(["task.completed"]);
    const published = await publishedBranches(repository());
    expect(published.filter((branch) => branch.includes(task.id))).toEqual([`agentvine/${task.id}/a2`]);
    const [first, second] = await executionsOf(client, task);
    expect(first).toMatchObject({ attempt: 1, status: "lost" });
    expect(second).toMatchObject({ attempt: 2, status: "succeeded", workerId: by.workerId });
    expect(await countOf(task, "work_order.lease_lost")).toBe(1);
  };

  it("a full disk: the execution fails as that, nothing is claimed until there is room, then work goes on", async ({
    skip,
  }) => {
    const disk = join(temp(), "disk");
    if (!(await mountSmallDisk(disk, 64))) {
      return skip("SKIPPED: needs the right to mount; what a worker does on a full disk was not looked at");
    }
    const ballast = join(disk, "ballast");
    const once = join(temp(), "once");
    // The disk fills up beside the workspace, so that no cleanup of the worker makes room.
    const agent = `if [ -e ${quote(once)} ]; then ${writeGuide}; else touch ${quote(once)}; cat /dev/zero > ${quote(ballast)}; fi`;
    const worker = await aWorker("cramped", {
      agent,
      label: "cramped",
      dataDir: join(disk, "data"),
      env: { AGENTVINE_WORKER_DISK_FREE_BYTES_MIN: String(16 * mebibyte) },
    });
    const task = await queue("cramped");
    await waitUntil(async () => (await executionsOf(client, task))[0]?.status === "failed", patient);
    expect((await executionsOf(client, task))[0]).toMatchObject({
      failure: "infrastructure",
      reason: expect.stringMatching(/disk is full \(ENOSPC\).*No space left on device/),
    });
    await waitUntil(async () => (await read(worker)).status === "error", patient);
    expect((await read(worker)).statusReason).toMatch(/^disk full: 0\.0 GiB free in .*, 0\.0 GiB needed$/);
    const told = await run(["worker", "status", "--server", backend.url], {
      temp: temp(),
      env: { AGENTVINE_HOME: backend.home },
    });
    expect(told.stdout).toMatch(/^cramped +error: disk full: /m);
    await untilHeard(worker, 3);
    expect(await readTask(client, task)).toMatchObject({ status: "queued", runs: 1 });

    await rm(ballast);
    const done = await untilStatus(client, task, "completed");
    expect(done.runs).toBe(2);
    expect((await read(worker)).status).not.toBe("error");
    // The backend knows of the end a moment before the worker hears that it does.
    await waitUntil(async () => (await readdir(join(disk, "data/outbox"))).length === 0, patient);
  });

  it("a revoked key: the worker stops its work, publishes nothing and says why; another does the task", async () => {
    const { apiKey, secret } = await client.call(endpoints.system.createApiKey, {
      body: { name: "for a while", permissions: ["worker:register", "worker:work"] },
    });
    const agent = heldAgent();
    const worker = await aWorker("dismissed", { agent: agent.script, label: "keys", token: secret });
    const task = await queue("keys");
    const executionId = await agent.running(task);
    expect(treeOf(executionId).length).toBeGreaterThanOrEqual(2);

    const revokedAtMs = performance.now();
    await client.call(endpoints.system.revokeApiKey, { params: { apiKeyId: apiKey.id } });
    expect(await worker.exited).toBe(1);
    measured("key revoked to worker ended", performance.now() - revokedAtMs);
    expect(treeOf(executionId)).toEqual([]);
    expect(worker.stderr().trim().split("\n").at(-1)).toMatch(
      /^agentvine: The backend refuses this worker's key: .* \(auth\.invalid\)$/,
    );
    expect(await readTask(client, task)).toMatchObject({ status: "in_progress", attempt: 1 });
    await agent.open();
    const other = await aWorker("trusted", { agent: writeGuide, label: "keys" });
    await expectSecondAttempt(task, other);
  });

  /** Holds a worker up past its lease while another does its task, and wakes it again. */
  const oversleep = async (label: string, isAllHeldUp: boolean): Promise<void> => {
    const agent = heldAgent(label);
    const sleeper = await aWorker(`sleeper-${label}`, { agent: agent.script, label });
    const task = await queue(label);
    const executionId = await agent.running(task);
    const heldUp = isAllHeldUp ? treeOf(executionId) : [];
    sleeper.signal("SIGSTOP");
    signalAll(heldUp, "SIGSTOP");
    await agent.open();
    const other = await aWorker(`other-${label}`, { agent: writeGuide, label });
    await untilStatus(client, task, "completed");
    await other.stop(); // what comes next is for the one that wakes up

    signalAll(heldUp, "SIGCONT");
    sleeper.signal("SIGCONT");
    const next = await queue(label, { title: "Write another guide" });
    await waitUntil(() => treeOf(executionId).length === 0, patient);
    expect((await untilStatus(client, next, "completed")).runs).toBe(1);
    await expectSecondAttempt(task, other);
    for (const folder of ["outbox", "executions"]) {
      await waitUntil(async () => (await readdir(join(sleeper.dataDir, folder))).length === 0, patient);
    }
  };

  it("held up past its lease, alone or with all it started, it wakes up, hands in nothing, and takes new work", async () => {
    await Promise.all([oversleep("alone", false), oversleep("all", true)]);
  });

  it("a wall clock that jumps an hour ahead and two back moves no lease: kept while it is renewed, given up in time when not", async () => {
    const clock = await createWallClock(temp());
    const proxy = await FaultProxy.start(backend.url);
    onTestFinished(() => proxy.stop());
    const agent = heldAgent();
    const worker = await aWorker("jumpy", {
      agent: agent.script,
      label: "clock",
      serverUrl: proxy.url,
      env: clock.env,
    });
    const task = await queue("clock");
    const executionId = await agent.running(task);
    for (const hours of [1, -1]) {
      await clock.shift(hours);
      await untilHeard(worker, 3);
    }
    expect(await countOf(task, "work_order.lease_lost")).toBe(0);
    expect(treeOf(executionId).length).toBeGreaterThanOrEqual(2);

    proxy.mode = "blackhole";
    await waitUntil(() => treeOf(executionId).length === 0, {
      timeoutMs: 2 * leaseMs,
      message: "it to stop its work, as nothing renews its lease",
    });
    proxy.mode = "drop"; // what was swallowed is asked again
    proxy.mode = "pass";
    await agent.open();
    await expectSecondAttempt(task, worker);
    const last = worker.stderr().trim().split("\n").at(-1) ?? "{}";
    expect(Date.now() - JSON.parse(last).time, "its clock is an hour late").toBeGreaterThan(3_500_000);
  });

  it("a flood of output in one line: the log is capped and says so, memory and heartbeats stay as they are", async () => {
    const flood = `head -c ${floodMebibytes * mebibyte} /dev/zero | tr '\\0' x; ${writeGuide}`;
    const worker = await aWorker("flooded", { agent: flood, label: "flood" });
    const memory = watchMemory(() => ({
      worker: worker.pid,
      executor: childOf(worker.pid, "executor-main"),
    }));
    onTestFinished(() => memory.stop());
    const startedMs = performance.now();
    const task = await queue("flood");
    const beats: number[] = [];
    await waitUntil(
      async () => {
        const at = Date.parse((await read(worker)).lastHeartbeatAt ?? "");
        if (at !== beats.at(-1)) beats.push(at);
        return (await readTask(client, task)).status === "completed";
      },
      { ...patient, timeoutMs: 150_000 },
    );
    memory.stop();
    measured(`an agent that prints ${floodMebibytes} MiB`, performance.now() - startedMs);
    const gapMs = Math.max(...beats.slice(1).map((at, index) => at - (beats[index] ?? at)));
    measured("longest time between two heartbeats meanwhile", gapMs, 1_200);
    process.stderr.write(`measured: peak memory in MiB: ${JSON.stringify(memory.peaks)}\n`);
    expect(beats.length).toBeGreaterThan(2);
    expect(gapMs).toBeLessThan(leaseMs - marginMs);
    if (process.platform === "linux") {
      expect(memory.peaks).toMatchObject({ worker: expect.any(Number), executor: expect.any(Number) });
      for (const peak of Object.values(memory.peaks)) expect(peak).toBeLessThan(200);
    }

    const [execution] = await executionsOf(client, task);
    const params = { executionId: execution?.id ?? "" };
    expect(execution?.metrics?.logBytes).toBeLessThanOrEqual(16 * mebibyte);
    expect(execution?.metrics?.logDroppedBytes).toBeGreaterThan((floodMebibytes - 17) * mebibyte);
    const { items: artifacts } = await client.call(endpoints.executions.artifacts, { params });
    expect(artifacts.find(({ kind }) => kind === "log")?.sizeBytes).toBeLessThanOrEqual(16 * mebibyte);
    const told = await client.call(endpoints.executions.logs, {
      params,
      query: { level: "warn", limit: 100 },
    });
    const messages = told.items.map(({ message }) => message);
    expect(messages).toContainEqual(expect.stringMatching(/^\[the log is full: /));
    expect(messages).toContainEqual(
      expect.stringMatching(/^[\d,]+ bytes of output were left out of this log$/),
    );
    const { items: lines } = await client.call(endpoints.executions.logs, { params, query: { limit: 100 } });
    expect(Math.max(...lines.map(({ message }) => message.length))).toBe(16_384);
  });
});
