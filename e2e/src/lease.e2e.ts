import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Client, createClient } from "@agentvine/client";
import { endpoints, type Task } from "@agentvine/contracts";
import {
  type BackendProcess,
  createDatabase,
  createRepository,
  FaultProxy,
  listProcessesWithEnv,
  startBackend,
  waitUntil,
} from "@agentvine/testkit";
import { describe, expect, it, onTestFinished } from "vitest";
import { createHeldTask, type HeldTask } from "./support/held-task.ts";
import { measured } from "./support/measured.ts";
import {
  createTask,
  endingsOf,
  executionsOf,
  isOver,
  publishedBranches,
  readTask,
  untilStatus,
} from "./support/tasks.ts";
import { useSharedTemp } from "./support/temp-home.ts";
import { startWorker, type WorkerProcess } from "./support/worker-process.ts";

const env = {
  AGENTVINE_LEASE_SECONDS: "6",
  AGENTVINE_HEARTBEAT_SECONDS: "1",
  AGENTVINE_RETRY_BASE_SECONDS: "0.1",
};

interface Site {
  readonly backend: BackendProcess;
  readonly client: Client;
  readonly workerKey: string;
}

const openSite = async (backend: BackendProcess): Promise<Site> => ({
  backend,
  client: createClient({ baseUrl: backend.url, token: backend.token }),
  workerKey: (await readFile(join(backend.home, "worker.key"), "utf8")).trim(),
});

describe("leases of real processes", () => {
  const temp = useSharedTemp();

  const startSite = async (): Promise<Site> => {
    const backend = await startBackend({ env });
    onTestFinished(() => backend.stop());
    return await openSite(backend);
  };
  const started = async (options: Parameters<typeof startWorker>[0]): Promise<WorkerProcess> => {
    const worker = await startWorker(options);
    onTestFinished(() => worker.stop());
    return worker;
  };
  const aWorker = ({ backend, workerKey }: Site, name: string, held: HeldTask, serverUrl = backend.url) =>
    started({
      serverUrl,
      token: workerKey,
      name,
      dataDir: join(temp(), name),
      env: { AGENTVINE_MODEL: "scripted/demo", AGENTVINE_MODEL_BASE_URL: held.model.baseUrl },
    });
  const queueHeld = ({ client }: Site, held: HeldTask): Promise<Task> =>
    createTask(client, {
      title: held.title,
      type: "docs",
      repositoryUrl: held.repository,
      permissionLevel: "autonomous",
    });
  /** The task was done once, by its second attempt, and what it handed in is what was published. */
  const expectSecondAttempt = async ({ client }: Site, task: Task, held: HeldTask, by: WorkerProcess) => {
    const done = await untilStatus(client, task, "completed");
    expect(done).toMatchObject({ runs: 2, result: { branch: `agentvine/${task.id}/a2` } });
    expect(await endingsOf(client, task)).toEqual(["task.completed"]);
    expect(await publishedBranches(held.repository)).toEqual([`agentvine/${task.id}/a2`]);
    const [first, second] = await executionsOf(client, task);
    expect(first).toMatchObject({ attempt: 1, status: "lost" });
    expect(second).toMatchObject({
      attempt: 2,
      status: "succeeded",
      workerId: by.workerId,
      resumedFromAttempt: 1,
    });
    expect(held.beginnings(), "the second attempt went on from the checkpoint").toBe(1);
  };

  it("a killed worker leaves nothing running, and another finishes its task from the checkpoint, once", async () => {
    const site = await startSite();
    const held = await createHeldTask(temp());
    const first = await aWorker(site, "first", held);
    measured("worker supervisor to ready", first.readyMs, 1_000);
    const task = await queueHeld(site, held);
    await waitUntil(held.isHeld, { timeoutMs: 60_000 });
    const [execution] = await executionsOf(site.client, task);
    const tree = () => listProcessesWithEnv(`AGENTVINE_EXECUTION_ID=${execution?.id ?? "none"}`);
    expect(tree().length).toBeGreaterThanOrEqual(3);
    const second = await aWorker(site, "second", held);

    const killedAtMs = performance.now();
    first.signal("SIGKILL");
    await waitUntil(() => tree().length === 0, {
      timeoutMs: 5_000,
      intervalMs: 5,
      message: "its tree to end",
    });
    measured("worker killed with -9 to executor tree gone", performance.now() - killedAtMs, 1_000);
    await held.open();
    await expectSecondAttempt(site, task, held, second);
  });

  it("a completion that arrives after the lease was lost is dropped, and only the second attempt's branch exists", async () => {
    const site = await startSite();
    const held = await createHeldTask(temp());
    const proxy = await FaultProxy.start(site.backend.url);
    onTestFinished(() => proxy.stop());
    const cutOff = await aWorker(site, "cut-off", held, proxy.url);
    const task = await queueHeld(site, held);
    await waitUntil(held.isHeld, { timeoutMs: 60_000 });
    // The partition: neither heartbeats nor results get through, nor would a new claim; the agent may still work.
    const isComplete = ({ path }: { path: string }): boolean => path.endsWith("/queue/complete");
    const heal = proxy.swallow(
      (seen) => isComplete(seen) || /\/(heartbeat|claim|commands)\b/.test(seen.path),
    );
    await held.open();
    await waitUntil(() => proxy.count(isComplete) > 0, { timeoutMs: 30_000, message: "its completion" });
    const other = await aWorker(site, "other", held);
    await untilStatus(site.client, task, "completed");

    const lateFrom = proxy.count(isComplete);
    heal();
    proxy.mode = "drop";
    proxy.mode = "pass";
    await waitUntil(async () => (await readdir(join(cutOff.dataDir, "outbox"))).length === 0, {
      timeoutMs: 60_000,
      message: "the kept result to be given up",
    });
    expect(proxy.count(isComplete), "completions sent after the partition").toBeGreaterThan(lateFrom);
    await expectSecondAttempt(site, task, held, other);
  });

  it("every task ends exactly once although the backend is killed three times on the way", async () => {
    const count = 10;
    const database = await createDatabase();
    onTestFinished(() => database.drop());
    const home = join(temp(), "home");
    let backend = await startBackend({ env, databaseUrl: database.url, home });
    const port = Number(new URL(backend.url).port);
    onTestFinished(() => backend.stop());
    const site = await openSite(backend);
    const { client } = site;
    const { path } = await createRepository(join(temp(), "sums"), {
      "README.md": "# Sums\n\nAdds numbers.\n",
    });
    const script = 'printf "# Guide\\n\\nCall sum; see the README.\\n" > GUIDE.md';
    await started({
      serverUrl: backend.url,
      token: site.workerKey,
      name: "busy",
      dataDir: join(temp(), "busy"),
      agent: ["sh", "-c", script],
      env: { AGENTVINE_WORKER_SLOTS: "4" },
    });
    const startedMs = performance.now();
    const tasks = await Promise.all(
      Array.from({ length: count }, (_, index) =>
        createTask(client, {
          title: `Write guide ${index + 1}`,
          type: "docs",
          repositoryUrl: path,
          permissionLevel: "autonomous",
        }),
      ),
    );
    const ended = async (): Promise<Task[]> =>
      (await Promise.all(tasks.map((task) => readTask(client, task)))).filter(isOver);
    for (const endedMin of [1, 3, 6]) {
      await waitUntil(async () => (await ended()).length >= endedMin, {
        timeoutMs: 120_000,
        intervalMs: 50,
        message: `${endedMin} tasks to end`,
      });
      await backend.kill();
      backend = await startBackend({ env, databaseUrl: database.url, home, port });
    }
    const all = await waitUntil(
      async () => {
        const now = await ended();
        return now.length === count ? now : undefined;
      },
      { timeoutMs: 150_000, intervalMs: 100, message: "all tasks to end" },
    );
    measured(`${count} tasks with three kills of the backend`, performance.now() - startedMs);

    expect(all.map(({ status, statusReason }) => `${status} ${statusReason}`.trim())).toEqual(
      all.map(() => "completed"),
    );
    for (const task of tasks) expect(await endingsOf(client, task)).toEqual(["task.completed"]);
    const branches = await publishedBranches(path);
    expect(branches.toSorted()).toEqual(all.map(({ result }) => result?.branch).toSorted());
    const runs = await client.call(endpoints.executions.list, {
      query: { kind: "run", status: ["succeeded"], pageSize: 100 },
    });
    expect(runs.total).toBe(count);
    const { lanes } = await client.call(endpoints.queue.status);
    expect(lanes.map(({ pending, claimed }) => pending + claimed)).toEqual([0, 0, 0]);
  });
});
