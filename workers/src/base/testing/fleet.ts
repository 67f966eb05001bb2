import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Client, createClient } from "@agentvine/client";
import { type Event, endpoints, type Task, type TaskCreateInput } from "@agentvine/contracts";
import {
  type BackendProcess,
  createRepository,
  git,
  listProcessesWithEnv,
  startBackend,
  useTempDir,
  waitUntil,
} from "@agentvine/testkit";
import { afterAll, beforeAll, onTestFinished } from "vitest";
import { startWorkerProcess, type WorkerProcessOptions } from "./worker-process.ts";

export const leaseSeconds = 6;
export const patient = { timeoutMs: 60_000, intervalMs: 50 };
const finalEvents = ["task.completed", "task.failed", "task.cancelled"];
export const sh = (script: string): string[] => ["sh", "-c", script];
const writeGuide = sh("printf '# Guide\\n\\nCall sum.\\n' > GUIDE.md");

/** Settings of a worker with the builtin agent and a scripted model, which takes what has this label. */
export const scriptedAgent = (label: string, { baseUrl }: { readonly baseUrl: string }) => ({
  AGENTVINE_WORKER_LABELS: label,
  AGENTVINE_WORKER_AGENT_COMMAND: "",
  AGENTVINE_MODEL: "scripted/demo",
  AGENTVINE_MODEL_BASE_URL: baseUrl,
});

/** A backend for the tests of a file, and workers as processes; every test has its own directory and repository. */
export const useFleet = () => {
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
  const started = (): string => join(dir(), "started");
  /** The execution's id once its agent runs and has said so. */
  const untilRunning = (task: Task): Promise<string> =>
    waitUntil(
      async () => {
        const execution = (await executionsOf(task)).find(({ status }) => status === "running");
        return existsSync(started()) ? execution?.id : undefined;
      },
      { ...patient, message: "the agent to run" },
    );
  /** An agent that leaves a grandchild behind, ignores TERM as that one does, and never ends. `untilRunning` sees when it is there. */
  const hang = (): string[] =>
    sh(
      `(trap '' TERM; while :; do sleep 1; done) & trap '' TERM; touch ${started()}; while :; do sleep 1; done`,
    );
  const left = (executionId: string): number[] =>
    listProcessesWithEnv(`AGENTVINE_EXECUTION_ID=${executionId}`);

  return {
    dir,
    backend: () => backend,
    client: () => client,
    /** Until the end of the test the questions below go to another backend. */
    useClient: (other: Client) => {
      const own = client;
      client = other;
      onTestFinished(() => {
        client = own;
      });
    },
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
    started,
    upstream,
  };
};
