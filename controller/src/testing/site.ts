import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Writable } from "node:stream";
import { createClient } from "@agentvine/client";
import {
  type Claim,
  type ContextDocumentSummary,
  endpoints,
  type Precedent,
  type RequestRaiseInput,
  type Task,
  type TaskCreateInput,
  type WorkerRequest,
} from "@agentvine/contracts";
import { createLogger, deferred, newId } from "@agentvine/kit";
import { type Scenario, type ScriptedModel, startScriptedModel } from "@agentvine/scripted-model";
import { type BackendProcess, createRepository, startBackend, tempDir, waitUntil } from "@agentvine/testkit";
import { type ControllerConfig, loadControllerConfig } from "../config.ts";
import { runController } from "../controller.ts";
import { createControllerApi } from "../controller-api.ts";

/** Every question goes to a model, and approvals that some rule says so. */
const rules = `rules:
  - id: questions
    effect: automated
    kinds: [clarification, question]
  - id: model-may-approve-lint
    effect: automated
    kinds: [approval]
    commands: ["make lint"]
`;

export interface Running {
  readonly controllerId: string;
  /** Resolves when it has ended; rejects with what ended it. */
  readonly done: Promise<void>;
  stop(): Promise<void>;
}

/** A backend with rules that route to a model, the model, and what an agent and a person do. */
export interface Site extends AsyncDisposable {
  readonly backend: BackendProcess;
  readonly model: ScriptedModel;
  run(change?: Partial<TaskCreateInput>): Promise<Claim>;
  raise(claim: Claim, change: Partial<RequestRaiseInput>): Promise<WorkerRequest>;
  /** A person's answer to a question of the repository, for the model to cite. */
  precedent(question: string, text: string): Promise<void>;
  /** A person's answer. */
  answer(requestId: string, text: string): Promise<void>;
  document(title: string, content: string): Promise<{ id: string; version: number }>;
  /** A person sends a file of that name to the conversation of a task. */
  attach(taskId: string, name: string): Promise<void>;
  get(id: string): Promise<WorkerRequest>;
  settled(id: string): Promise<WorkerRequest>;
  withPerson(id: string): Promise<WorkerRequest>;
  /** Once it is settled or a person has it. */
  decided(id: string): Promise<WorkerRequest>;
  list(): Promise<WorkerRequest[]>;
  precedents(): Promise<Precedent[]>;
  proposedDocuments(): Promise<ContextDocumentSummary[]>;
  /** @param onLog gets every line of its log */
  startController(change?: Partial<ControllerConfig>, onLog?: (line: string) => void): Promise<Running>;
}

/** Each write of a logger is one line. */
const lineStream = (onLine: (line: string) => void): Writable =>
  new Writable({
    write(chunk, _encoding, done) {
      onLine(String(chunk));
      done();
    },
  });

const metadata = { version: "1.0.0", maxConcurrentTasks: 100 };

export async function startSite(scenarios: readonly Scenario[]): Promise<Site> {
  const dir = await tempDir("agentvine-controller-");
  const policy = join(dir.path, "policy.yaml");
  await writeFile(policy, rules);
  const env = {
    AGENTVINE_POLICY: policy,
    AGENTVINE_ALLOW_UNRUNNABLE: "true",
    AGENTVINE_CHORES: "false",
    AGENTVINE_LEASE_SECONDS: "3600",
    // The worker here sends no heartbeats.
    AGENTVINE_HEARTBEAT_SECONDS: "600",
    AGENTVINE_LOG_LEVEL: "error",
  };
  const [backend, model, repository] = await Promise.all([
    startBackend({ env }),
    startScriptedModel({ scenarios }),
    createRepository(join(dir.path, "repository"), { "a.txt": "a\n" }),
  ]);
  const client = createClient({ baseUrl: backend.url, token: backend.token });
  const key = (name: string) => readFile(join(backend.home, name), "utf8").then((text) => text.trim());
  const workerClient = createClient({ baseUrl: backend.url, token: await key("worker.key") });
  const instanceId = newId();
  const { worker } = await workerClient.call(endpoints.workers.register, {
    body: {
      name: "worker",
      instanceId,
      ...metadata,
      capabilities: {
        taskTypes: ["docs"],
        labels: [],
        agents: [{ driver: "builtin", model: "scripted/demo", isScripted: true }],
        sandbox: { driver: "none", isConfined: false },
        toolchains: {},
      },
    },
  });
  const running: Running[] = [];

  const site: Site = {
    backend,
    model,
    run: async (change = {}) => {
      const task: Task = await client.call(endpoints.tasks.create, {
        body: { title: "Write it", type: "docs", repositoryUrl: repository.path, ...change },
      });
      const claim = await workerClient.call(endpoints.queue.claim, {
        body: { workerId: worker.id, instanceId, taskTypes: ["docs"], slots: 1, waitSeconds: 5 },
      });
      if (claim?.task.id !== task.id) throw new Error("another task was claimed");
      return claim;
    },
    raise: (claim, change) =>
      client.call(endpoints.workerRequests.raise, {
        token: claim.attemptToken,
        body: {
          workOrderId: claim.workOrder.id,
          attempt: claim.attempt,
          callId: newId(),
          kind: "clarification",
          question: "?",
          ...change,
        },
      }),
    precedent: async (question, text) => {
      const { id } = await site.raise(await site.run(), { question });
      await site.answer(id, text);
    },
    answer: async (requestId, text) => {
      const { generation } = await site.get(requestId);
      const params = { requestId };
      await client.call(endpoints.workerRequests.answer, { params, body: { generation, text } });
    },
    document: (title, content) =>
      client.call(endpoints.context.create, { body: { title, type: "guide", content } }),
    attach: async (taskId, name) => {
      const { id: conversationId } = await client.call(endpoints.chat.createConversation, {
        body: { taskId },
      });
      const params = { conversationId };
      const bytes = Buffer.from("hello");
      const { id } = await client.upload(endpoints.chat.uploadAttachment, { params, query: { name }, bytes });
      await client.call(endpoints.chat.postMessage, {
        params,
        body: { content: "See the file.", attachmentIds: [id] },
      });
    },
    get: (requestId) => client.call(endpoints.workerRequests.get, { params: { requestId } }),
    settled: (id) =>
      waitUntil(
        async () => {
          const request = await site.get(id);
          return request.settledAt === null ? undefined : request;
        },
        { timeoutMs: 15_000, message: "the request to be settled" },
      ),
    decided: (id) =>
      waitUntil(
        async () => {
          const request = await site.get(id);
          return request.settledAt !== null || request.status === "human" ? request : undefined;
        },
        { timeoutMs: 15_000, message: "the request to be settled, or a person to have it" },
      ),
    list: async () => {
      const found: WorkerRequest[] = [];
      for (let page = 1; ; page += 1) {
        const query = { page, pageSize: 100 };
        const { items, pages } = await client.call(endpoints.workerRequests.list, { query });
        found.push(...items);
        if (page >= pages) return found;
      }
    },
    precedents: async () =>
      (await client.call(endpoints.workerRequests.precedents, { query: { pageSize: 100 } })).items,
    proposedDocuments: async () =>
      (await client.call(endpoints.context.list, { query: { status: "proposed", pageSize: 100 } })).items,
    withPerson: (id) =>
      waitUntil(
        async () => {
          const request = await site.get(id);
          return request.status === "human" ? request : undefined;
        },
        { timeoutMs: 15_000, message: "a person to have the request" },
      ),
    startController: async (change = {}, onLog) => {
      const stopping = new AbortController();
      const config = loadControllerConfig({
        AGENTVINE_HOME: backend.home,
        AGENTVINE_SERVER: backend.url,
        AGENTVINE_MODEL: "scripted/demo",
        AGENTVINE_MODEL_BASE_URL: model.baseUrl,
        AGENTVINE_CONTROLLER_NAME: `controller-${newId()}`,
      });
      const token = await key("controller.key");
      const ready = deferred<string>();
      const done = runController(
        {
          config: { ...config, ...change },
          api: createControllerApi(createClient({ baseUrl: backend.url, token })),
          version: "1",
          waitSeconds: 1,
          logger:
            onLog === undefined
              ? createLogger({ name: "test", level: "silent" })
              : createLogger({ name: "test", level: "info", stream: lineStream(onLog) }),
          onReady: ready.resolve,
        },
        stopping.signal,
      );
      done.catch(ready.reject);
      const controllerId = await ready.promise;
      const controller: Running = {
        controllerId,
        done,
        stop: async () => {
          stopping.abort();
          await done.catch(() => undefined);
        },
      };
      running.push(controller);
      return controller;
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(running.map((controller) => controller.stop()));
      await backend.stop();
      await model.close();
      await dir[Symbol.asyncDispose]();
    },
  };
  return site;
}
