import { existsSync } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Client, createClient } from "@agentvine/client";
import { type Event, endpoints, type Task, type TaskCreateInput } from "@agentvine/contracts";
import {
  type BackendProcess,
  createRepository,
  FaultProxy,
  git,
  listProcessesWithEnv,
  startBackend,
  useTempDir,
  waitUntil,
} from "@agentvine/testkit";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { startWorkerProcess, type WorkerProcessOptions } from "./testing/worker-process.ts";

const leaseSeconds = 6;
const patient = { timeoutMs: 60_000, intervalMs: 50 };
const finalEvents = ["task.completed", "task.failed", "task.cancelled"];
const sh = (script: string): string[] => ["sh", "-c", script];
const writeGuide = sh("printf '# Guide\\n\\nCall sum.\\n' > GUIDE.md");
/** Leaves a grandchild behind that ignores TERM, and never ends. */
const hang = sh("(trap '' TERM; while :; do sleep 1; done) & trap '' TERM; while :; do sleep 1; done");

describe("the worker process", { timeout: 120_000 }, () => {
  const dir = useTempDir();
  let backend: BackendProcess;
  let client: Client;
  let workerKey: string;
  let names = 0;

  beforeAll(async () => {
    backend = await startBackend({
      env: { AGENTVINE_LEASE_SECONDS: String(leaseSeconds), AGENTVINE_HEARTBEAT_SECONDS: "1" },
    });
    client = createClient({ baseUrl: backend.url, token: backend.token });
    workerKey = (await readFile(join(backend.home, "worker.key"), "utf8")).trim();
  });
  afterAll(() => backend?.stop());

  const aName = (): string => {
    names += 1;
    return `worker-${process.pid}-${names}`;
  };
  const aWorker = (options: Partial<WorkerProcessOptions> = {}) => {
    const name = options.name ?? aName();
    const worker = startWorkerProcess({
      serverUrl: backend.url,
      token: workerKey,
      dataDir: join(dir(), name),
      agent: writeGuide,
      ...options,
      name,
    });
    return { ...worker, name, dataDir: options.dataDir ?? join(dir(), name) };
  };
  const upstream = () => join(dir(), "upstream");
  const aTask = async (label: string, changes: Partial<TaskCreateInput> = {}): Promise<Task> => {
    if (!existsSync(upstream())) {
      await createRepository(upstream(), {
        "README.md": "# Sums\n\nAdds numbers.\n",
        "sum.js": "export {};\n",
      });
    }
    const body = {
      title: "Write a guide",
      type: "docs" as const,
      repositoryUrl: upstream(),
      permissionLevel: "autonomous" as const,
      requiredLabels: [label],
      ...changes,
    };
    return await client.call(endpoints.tasks.create, { body });
  };
  const read = (task: Task): Promise<Task> =>
    client.call(endpoints.tasks.get, { params: { taskId: task.id } });
  const until = (task: Task, status: Task["status"]): Promise<Task> =>
    waitUntil(
      async () => {
        const now = await read(task);
        if (now.status !== status && ["completed", "failed", "cancelled"].includes(now.status)) {
          throw new Error(`it is ${now.status}: ${now.statusReason}`);
        }
        return now.status === status ? now : undefined;
      },
      { ...patient, message: `the task to be ${status}` },
    );
  const eventsOf = async (task: Task): Promise<Event[]> =>
    (await client.call(endpoints.tasks.timeline, { params: { taskId: task.id }, query: { limit: 1_000 } }))
      .items;
  const countOf = async (task: Task, ...types: string[]): Promise<number> =>
    (await eventsOf(task)).filter(({ type }) => types.includes(type)).length;
  /** How often the task ended. An event is seen a moment after what it tells. */
  const finalEventsOf = (task: Task): Promise<number> =>
    waitUntil(() => countOf(task, ...finalEvents), { ...patient, message: "the task's last event" });
  const executionsOf = async (task: Task) =>
    (await client.call(endpoints.executions.list, { query: { taskId: task.id, pageSize: 100 } })).items;
  const branches = async (): Promise<string[]> =>
    (await git(upstream(), "branch", "--list", "agentvine/*", "--format=%(refname:short)"))
      .split("\n")
      .filter((name) => name !== "");
  /** The execution's id once its agent runs: executor, shell and what they started carry its tag. */
  const untilRunning = (task: Task): Promise<string> =>
    waitUntil(
      async () => {
        const execution = (await executionsOf(task)).find(({ status }) => status === "running");
        if (execution === undefined || execution.phase !== "run") return undefined;
        return listProcessesWithEnv(`AGENTVINE_EXECUTION_ID=${execution.id}`).length >= 4
          ? execution.id
          : undefined;
      },
      { ...patient, message: "the agent to run" },
    );
  const left = (executionId: string): number[] =>
    listProcessesWithEnv(`AGENTVINE_EXECUTION_ID=${executionId}`);

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
    const logs = await client.call(endpoints.executions.logs, { params, query: { limit: 1_000 } });
    expect(logs.isComplete).toBe(true);
    expect(logs.items.some(({ message }) => message.startsWith("run"))).toBe(true);
    const artifacts = await client.call(endpoints.executions.artifacts, { params });
    expect(artifacts.items.map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(["bundle", "diff", "evidence", "log"]),
    );
    await waitUntil(async () => (await readdir(join(worker.dataDir, "executions"))).length === 0);
    worker.signal("SIGTERM");
    expect(await worker.exited).toEqual({ code: 0, signal: null });
    expect(existsSync(join(worker.dataDir, "worker.json"))).toBe(false);
    expect(await readdir(join(worker.dataDir, "outbox"))).toEqual([]);
  });

  it("killed with -9 leaves no process within a second, and another worker finishes the task, once", async () => {
    const label = aName();
    const victim = aWorker({ name: label, agent: hang });
    await victim.ready;
    const task = await aTask(label);
    const executionId = await untilRunning(task);
    victim.signal("SIGKILL");
    await waitUntil(() => left(executionId).length === 0, {
      timeoutMs: 1_000,
      message: "all of it to be gone",
    });
    aWorker({ env: { AGENTVINE_WORKER_LABELS: label } });
    const done = await until(task, "completed");
    expect(done.runs).toBe(2);
    expect(await finalEventsOf(task)).toBe(1);
    expect(await countOf(task, "work_order.lease_lost")).toBe(1);
    expect(await branches()).toEqual([`agentvine/${task.id}/a2`]);
    // Started again on its data directory, it removes what was left of it there.
    await aWorker({ name: label, dataDir: victim.dataDir }).ready;
    expect(await readdir(join(victim.dataDir, "executions"))).toEqual([]);
  });

  it("loses and doubles nothing when the answers to claim and complete are lost on the way", async () => {
    const proxy = await FaultProxy.start(backend.url);
    onTestFinished(() => proxy.stop());
    const label = aName();
    const worker = aWorker({ name: label, serverUrl: proxy.url });
    await worker.ready;
    const task = await aTask(label, { enqueue: false });
    proxy.cutReplies(2, ({ path }) => path.endsWith("/queue/complete"));
    // The poll that waits already gets its answer; the next one, which leases the publish order, does not.
    await client.call(endpoints.queue.enqueue, { body: { taskId: task.id } });
    proxy.cutReplies(1, ({ path }) => path.endsWith("/queue/claim"));
    const done = await until(task, "completed");
    expect(done.runs).toBe(1);
    expect(await finalEventsOf(task)).toBe(1);
    expect(await countOf(task, "work_order.lease_lost", "work_order.retried")).toBe(0);
    expect(proxy.count(({ path }) => path.endsWith("/queue/complete"))).toBeGreaterThanOrEqual(4);
  });

  it("cut off from the backend, stops its work before the lease is over and publishes nothing late", async () => {
    const proxy = await FaultProxy.start(backend.url);
    onTestFinished(() => proxy.stop());
    const label = aName();
    // Finishes by itself when it is told to: if it still ran, it would hand in a result.
    const gate = join(dir(), "gate");
    const worker = aWorker({
      name: label,
      serverUrl: proxy.url,
      agent: sh(`(sleep 300) & while [ ! -e ${gate} ]; do sleep 0.1; done; echo late > GUIDE.md`),
    });
    await worker.ready;
    const task = await aTask(label);
    const executionId = await untilRunning(task);
    proxy.mode = "blackhole";
    const other = aWorker({ env: { AGENTVINE_WORKER_LABELS: label } });
    await waitUntil(() => left(executionId).length === 0, {
      timeoutMs: leaseSeconds * 1_000,
      message: "the worker to fence itself",
    });
    await writeFile(gate, "");
    const done = await until(task, "completed");
    proxy.mode = "pass";
    await other.ready;
    expect(done.runs).toBe(2);
    expect(await branches()).toEqual([`agentvine/${task.id}/a2`]);
    expect(await finalEventsOf(task)).toBe(1);
    expect(await git(upstream(), "show", `agentvine/${task.id}/a2:GUIDE.md`)).toContain("Call sum.");
    // The worker itself is well: it takes work again.
    const next = await aTask(worker.name, { title: "Write another guide" });
    await until(next, "completed");
  });

  it("goes on working while the backend is killed and started again, and hands its result in", async () => {
    const home = join(dir(), "home");
    const own = await startBackend({ home, env: { AGENTVINE_HEARTBEAT_SECONDS: "1" } });
    onTestFinished(() => own.stop());
    const token = (await readFile(join(home, "worker.key"), "utf8")).trim();
    const gate = join(dir(), "gate");
    const agent = sh(`while [ ! -e ${gate} ]; do sleep 0.1; done; printf '# Guide\\n\\nX.\\n' > GUIDE.md`);
    const worker = aWorker({ serverUrl: own.url, token, agent });
    await worker.ready;
    const outer = client;
    client = createClient({ baseUrl: own.url, token: own.token });
    onTestFinished(() => {
      client = outer;
    });
    const task = await aTask(worker.name);
    await waitUntil(async () => (await executionsOf(task))[0]?.phase === "run", patient);
    await own.kill();
    await writeFile(gate, "");
    const port = Number(new URL(own.url).port);
    const again = await startBackend({ home, databaseUrl: own.databaseUrl, port });
    onTestFinished(() => again.kill());
    const done = await until(task, "completed");
    expect(done.runs).toBe(1);
    expect(await finalEventsOf(task)).toBe(1);
  });

  it("gives its work back within the grace time when it is stopped, and that is no loss", async () => {
    const label = aName();
    const worker = aWorker({ name: label, agent: hang, env: { AGENTVINE_WORKER_GRACE_SECONDS: "4" } });
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

  it("ends a cancelled task's agent within 15 seconds, though it ignores TERM", async () => {
    const worker = aWorker({ agent: hang });
    await worker.ready;
    const task = await aTask(worker.name);
    const executionId = await untilRunning(task);
    const startedMs = performance.now();
    await client.call(endpoints.tasks.cancel, { params: { taskId: task.id }, body: {} });
    await waitUntil(() => left(executionId).length === 0, {
      timeoutMs: 15_000,
      message: "its processes to be gone",
    });
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

  it("holds its data directory alone", async () => {
    const first = aWorker();
    await first.ready;
    const second = aWorker({ dataDir: first.dataDir });
    expect((await second.exited).code).toBe(1);
    expect(second.stderr()).toContain("(home.in_use)");
  });
});
