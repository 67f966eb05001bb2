import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createClient } from "@agentvine/client";
import { endpoints } from "@agentvine/contracts";
import { deferred } from "@agentvine/kit";
import {
  type BackendProcess,
  createRepository,
  startBackend,
  useTempDir,
  waitUntil,
} from "@agentvine/testkit";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { loadWorkerConfig } from "../config.ts";
import { runSupervisor } from "./supervisor.ts";

const builtExecutor = fileURLToPath(new URL("../../dist/executor-main.js", import.meta.url));
const writeGuide = JSON.stringify(["sh", "-c", "printf '# Guide\\n\\nCall it.\\n' > GUIDE.md"]);

describe("runSupervisor", { timeout: 60_000 }, () => {
  const dir = useTempDir();
  let backend: BackendProcess;
  beforeAll(async () => {
    backend = await startBackend();
  });
  afterAll(() => backend?.stop());

  const aSupervisor = (environment: Record<string, string>, executorEntry: string = builtExecutor) => {
    const ready = deferred<string>();
    let stop: (reason: string) => void = () => undefined;
    const ended = runSupervisor({
      loadConfig: () =>
        loadWorkerConfig({
          PATH: process.env.PATH,
          AGENTVINE_HOME: dir(),
          AGENTVINE_SERVER: backend.url,
          AGENTVINE_TOKEN_FILE: join(backend.home, "worker.key"),
          AGENTVINE_WORKER_SANDBOX: "none",
          AGENTVINE_WORKER_ACCEPT_NO_SANDBOX: "true",
          AGENTVINE_LOG_LEVEL: "silent",
          AGENTVINE_WORKER_GRACE_SECONDS: "2",
          ...environment,
        }),
      executorEntry,
      writeReady: ready.resolve,
      onStopRequest: (_, handle) => {
        stop = handle;
        return () => undefined;
      },
    });
    onTestFinished(async () => {
      stop("test over");
      await ended;
    });
    return { ready: ready.promise, ended, stop: (reason: string) => stop(reason) };
  };

  it("brings a task to its branch, tells its state in a file, and ends in an orderly way", async () => {
    const supervisor = aSupervisor({
      AGENTVINE_WORKER_NAME: "in-process",
      AGENTVINE_WORKER_LABELS: "in-process",
      AGENTVINE_WORKER_AGENT_COMMAND: writeGuide,
    });
    const { workerId } = JSON.parse(await supervisor.ready);
    const client = createClient({ baseUrl: backend.url, token: backend.token });
    const worker = await client.call(endpoints.workers.get, { params: { workerId } });
    expect(worker).toMatchObject({
      name: "in-process",
      capabilities: {
        agents: [{ driver: "command" }],
        sandbox: { driver: "none", isConfined: false },
        toolchains: { node: process.versions.node },
      },
    });
    expect(JSON.parse(await readFile(join(dir(), "worker/worker.json"), "utf8"))).toMatchObject({
      workerId,
      state: "ready",
    });
    const repository = await createRepository(join(dir(), "upstream"), { "README.md": "# A\n\nA thing.\n" });
    const task = await client.call(endpoints.tasks.create, {
      body: {
        title: "Write a guide",
        type: "docs",
        repositoryUrl: repository.path,
        permissionLevel: "autonomous",
        requiredLabels: ["in-process"],
      },
    });
    await waitUntil(
      async () =>
        (await client.call(endpoints.tasks.get, { params: { taskId: task.id } })).status === "completed",
      { timeoutMs: 30_000 },
    );
    supervisor.stop("SIGTERM");
    expect(await supervisor.ended).toBeNull();
    expect(existsSync(join(dir(), "worker/worker.json"))).toBe(false);
  });

  it("registers a worker without an agent, and one with a model", async () => {
    const bare = aSupervisor({ AGENTVINE_WORKER_NAME: "bare" });
    await bare.ready;
    bare.stop("enough");
    expect(await bare.ended).toBeNull();
    const client = createClient({ baseUrl: backend.url, token: backend.token });
    const withModel = aSupervisor({
      AGENTVINE_WORKER_NAME: "with-model",
      AGENTVINE_MODEL: "scripted/demo",
      AGENTVINE_MODEL_BASE_URL: "http://127.0.0.1:9/v1",
    });
    const { workerId } = JSON.parse(await withModel.ready);
    const worker = await client.call(endpoints.workers.get, { params: { workerId } });
    expect(worker.capabilities.agents).toEqual([
      { driver: "builtin", model: "scripted/demo", isScripted: true },
    ]);
  });

  it("stops before it has found its key", async () => {
    const supervisor = aSupervisor({ AGENTVINE_TOKEN_FILE: join(dir(), "later.key") });
    await waitUntil(() => existsSync(join(dir(), "worker/worker.json")));
    supervisor.stop("SIGINT");
    expect(await supervisor.ended).toBeNull();
  });

  it("says in one line why it can't run", async () => {
    expect(await aSupervisor({}, "/nowhere/executor.js").ended).toMatch(/is missing.*\(config\.invalid\)$/);
    expect(await aSupervisor({ AGENTVINE_WORKER_SLOTS: "x" }).ended).toMatch(/\(config\.invalid\)$/);
  });
});
