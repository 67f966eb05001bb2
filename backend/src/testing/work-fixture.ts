import { createHash } from "node:crypto";
import type {
  Claim,
  Event,
  Finished,
  Task,
  TaskCreateInput,
  WorkerCapabilities,
  WorkerRegistered,
} from "@agentvine/contracts";
import { createLogger, newId } from "@agentvine/kit";
import { createRepository, tempDir } from "@agentvine/testkit";
import type { BackendConfig } from "../config.ts";
import { buildTestApp, type TestApp, type TestAppOptions, type TestResponse } from "./build-test-app.ts";

/** A registered worker process as a test drives it. */
export interface TestWorker {
  id: string;
  name: string;
  instanceId: string;
  registered: WorkerRegistered;
}

export const commitA = "a".repeat(40);
export const commitB = "b".repeat(40);

const metrics = {
  usage: null,
  steps: 1,
  toolCalls: 1,
  modelRetries: 0,
  gateRounds: 1,
  phasesMs: {},
  waitingMs: 0,
  logBytes: 0,
  logDroppedBytes: 0,
};

export const evidence = {
  verification: "passed" as const,
  reason: "The test that was red is green.",
  round: 1,
  checks: [],
  commands: [],
  tests: null,
  coverage: null,
  files: [],
  environment: {},
};

const allTypes = ["feature", "bugfix", "test", "docs", "refactor", "review"] as const;

/** A backend with what the tests of tasks, queue and workers do to it, over HTTP. */
export interface WorkFixture {
  app: TestApp;
  repositoryPath: string;
  createTask(change?: Partial<TaskCreateInput>): Promise<Task>;
  registerWorker(o?: WorkerOptions): Promise<TestWorker>;
  claim(worker: TestWorker, o?: ClaimOptions): Promise<TestResponse<Claim>>;
  /** A claim that must succeed. */
  mustClaim(worker: TestWorker, o?: ClaimOptions): Promise<Claim>;
  /** A body for `queue/complete` that the backend accepts: bundle and diff are there. */
  runResult(claim: Claim, change?: Record<string, unknown>): Promise<Record<string, unknown>>;
  complete(claim: Claim, result?: Record<string, unknown>): Promise<TestResponse<Finished>>;
  publish(claim: Claim, change?: Record<string, unknown>): Promise<TestResponse<Finished>>;
  fail(claim: Claim, change?: Record<string, unknown>): Promise<TestResponse<Finished>>;
  post<T = Finished>(claim: Claim, verb: string, body: Record<string, unknown>): Promise<TestResponse<T>>;
  heartbeat(worker: TestWorker, o?: Record<string, unknown>): Promise<TestResponse>;
  getTask(taskId: string): Promise<Task>;
  /** Types of everything that happened to the task, in its order. */
  history(taskId: string): Promise<Event["type"][]>;
  /** Lets the lease of an order run out now. */
  expireLease(workOrderId: string): Promise<void>;
  sql<T extends object>(text: string, values?: unknown[]): Promise<T[]>;
  close(): Promise<void>;
}

export interface WorkerOptions {
  name?: string;
  instanceId?: string;
  slots?: number;
  capabilities?: Partial<WorkerCapabilities>;
}

export interface ClaimOptions {
  key?: string;
  waitSeconds?: number;
  taskTypes?: readonly string[];
  signal?: AbortSignal;
}

export async function buildWorkFixture(
  config: Partial<BackendConfig> = {},
  {
    beside,
    ...options
  }: Pick<TestAppOptions, "through" | "database" | "limits"> & { beside?: WorkFixture } = {},
): Promise<WorkFixture> {
  const dir = await tempDir("agentvine-work-");
  const { path: repositoryPath } = await createRepository(`${dir.path}/repository`, { "a.txt": "a\n" });
  const level = process.env.AGENTVINE_TEST_LOG_LEVEL ?? "silent";
  const app = await buildTestApp({
    ...options,
    logger: createLogger({ name: "test", level, stream: process.stderr }),
    ...(beside === undefined ? {} : { beside: beside.app }),
    config: { allowsUnrunnable: true, retryBaseSeconds: 0, databaseConnections: 30, ...config },
  });
  return makeFixture(app, repositoryPath, async () => {
    await app.close();
    await dir[Symbol.asyncDispose]();
  });
}

function makeFixture(app: TestApp, repositoryPath: string, close: () => Promise<void>): WorkFixture {
  const sql = async <T extends object>(text: string, values: unknown[] = []): Promise<T[]> =>
    (await app.database.pool.query<T>(text, values)).rows;
  const worker = { token: app.workerKey };

  const fixture: WorkFixture = {
    app,
    repositoryPath,
    sql,
    close,
    createTask: async (change = {}) => {
      const body = { title: "Mend it", type: "bugfix", repositoryUrl: repositoryPath, ...change };
      const { status, body: task } = await app.request<Task>("POST", "/api/v1/tasks", { body });
      if (status !== 201) {
        throw new Error(`create: ${status} ${JSON.stringify(task)}`);
      }
      return task;
    },
    registerWorker: async ({
      name = `worker-${newId()}`,
      instanceId = newId(),
      slots = 1,
      capabilities = {},
    } = {}) => {
      const body = {
        name,
        instanceId,
        version: "1.0.0",
        maxConcurrentTasks: slots,
        capabilities: {
          taskTypes: [...allTypes],
          labels: [],
          agents: [{ driver: "builtin", model: "scripted/demo", isScripted: true }],
          sandbox: { driver: "none", isConfined: false },
          ...capabilities,
        },
      };
      const { status, body: registered } = await app.request<WorkerRegistered>("POST", "/api/v1/workers", {
        body,
        ...worker,
      });
      if (status !== 201) {
        throw new Error(`register: ${status} ${JSON.stringify(registered)}`);
      }
      return { id: registered.worker.id, name, instanceId, registered };
    },
    claim: ({ id, instanceId }, { key = newId(), waitSeconds = 0, taskTypes = allTypes, signal } = {}) =>
      app.request<Claim>("POST", "/api/v1/queue/claim", {
        body: { workerId: id, instanceId, taskTypes, slots: 1, waitSeconds },
        headers: { "idempotency-key": key },
        ...worker,
        ...(signal && { signal }),
      }),
    mustClaim: async (by, options) => {
      const { status, body } = await fixture.claim(by, options);
      if (status !== 200) {
        throw new Error(`claim: ${status} ${JSON.stringify(body)}`);
      }
      return body;
    },
    runResult: async (claim, change = {}) => ({
      outcome: "succeeded",
      verification: "passed",
      summary: "done",
      baseCommit: commitA,
      commit: commitB,
      bundleArtifactId: await insertArtifact(sql, claim, "bundle"),
      diffArtifactId: await insertArtifact(sql, claim, "diff"),
      evidence,
      metrics,
      ...change,
    }),
    complete: async (claim, result) =>
      await fixture.post(claim, "complete", { result: result ?? (await fixture.runResult(claim)) }),
    publish: (claim, change = {}) =>
      fixture.post(claim, "complete", {
        result: {
          outcome: "published",
          branch: String(claim.workOrder.payload.branch),
          commit: commitB,
          metrics,
          ...change,
        },
      }),
    fail: (claim, change = {}) =>
      fixture.post(claim, "fail", {
        result: { outcome: "failed", failure: "agent", reason: "it did not work", ...change },
      }),
    post: (claim, verb, body) =>
      app.request("POST", `/api/v1/queue/${verb}`, {
        token: claim.attemptToken,
        body: { workOrderId: claim.workOrder.id, attempt: claim.attempt, ...body },
      }),
    heartbeat: ({ id, instanceId }, o = {}) =>
      app.request("POST", `/api/v1/workers/${id}/heartbeat`, {
        body: { instanceId, orders: [], ...o },
        ...worker,
      }),
    getTask: async (taskId) => (await app.request<Task>("GET", `/api/v1/tasks/${taskId}`)).body,
    history: async (taskId) => {
      const rows = await sql<{ type: Event["type"] }>(
        "select type from events where task_id = $1 order by xid, id",
        [taskId],
      );
      return rows.map((row) => row.type);
    },
    expireLease: async (workOrderId) => {
      await sql("update work_orders set lease_expires_at = now() - interval '1 second' where id = $1", [
        workOrderId,
      ]);
    },
  };
  return fixture;
}

async function insertArtifact(sql: WorkFixture["sql"], claim: Claim, kind: string): Promise<string> {
  const id = newId();
  const digest = createHash("sha256").update(id).digest("hex");
  await sql("insert into blobs (digest, size_bytes) values ($1, 1)", [digest]);
  await sql(
    `insert into artifacts (id, execution_id, task_id, kind, name, content_type, size_bytes, digest)
     values ($1, $2, $3, $4, $5, 'text/plain', 1, $6)`,
    [id, claim.executionId, claim.task.id, kind, `${kind}-${id}`, digest],
  );
  return id;
}
