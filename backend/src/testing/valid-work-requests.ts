import { endpoints } from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import fc from "fast-check";
import { exampleOf, withBody } from "./request-input.ts";
import type { RequestSteps } from "./request-steps.ts";

// Valid requests for the endpoints of work: tasks, the queue, workers and executions.

export const queueRequests = ({
  fixture,
  worker,
  pendingTask,
  running,
  failedTask,
  parked,
  checkpointOf,
}: RequestSteps) => {
  const { queue } = endpoints;
  return {
    enqueue: async () => ({
      body: { taskId: (await pendingTask()).id, expiresInSeconds: 60, maxRetries: 1, delaySeconds: 5 },
    }),
    enqueueBatch: async () => ({ body: { items: [{ taskId: (await pendingTask()).id, delaySeconds: 5 }] } }),
    status: async () => ({}),
    orders: async () => ({
      query: { page: 1, pageSize: 5, status: "pending", taskId: newId(), isDeadLetter: "true" },
    }),
    requeue: async () => ({ body: { workOrderId: (await failedTask()).workOrderId } }),
    claim: async () => ({
      token: fixture.app.workerKey,
      body: {
        workerId: worker.id,
        instanceId: worker.instanceId,
        taskTypes: ["docs"],
        labels: ["gpu"],
        slots: 1,
        waitSeconds: 0,
      },
    }),
    complete: async () => {
      const { claim, ref, token } = await running();
      const { bundleArtifactId, diffArtifactId } = await fixture.runResult(claim);
      const { result } = exampleOf(queue.complete).body as { result: object };
      return {
        token,
        body: { ...ref, result: { exitCode: 0, ...result, bundleArtifactId, diffArtifactId } },
      };
    },
    fail: async () => {
      const { ref, token } = await running();
      const { result } = exampleOf(queue.fail).body as { result: object };
      return { token, body: { ...ref, result: { exitCode: 1, retryAfterMs: 5, summary: "", ...result } } };
    },
    release: async () => {
      const { ref, token } = await running();
      return { token, body: { ...ref, reason: "drained" } };
    },
    park: async () => {
      const { claim, ref, token } = await running();
      const checkpointId = await checkpointOf(claim.executionId, claim.task.id, claim.attempt);
      return { token, body: { ...ref, checkpointId, reason: "asks" } };
    },
    resume: async () => ({ body: { workOrderId: await parked(), answer: "yes" } }),
  };
};

export const tasksRequests = ({
  fixture,
  pendingTask,
  running,
  inReview,
  failedTask,
  reader,
}: RequestSteps) => {
  const { tasks } = endpoints;
  return {
    create: async () => ({
      body: {
        ...(withBody(tasks.create, { repositoryUrl: fixture.repositoryPath }) as object),
        branchName: "main",
        issueNumber: 1,
        agent: { driver: "builtin", model: "a/b" },
        limits: { stepsMax: 5, tokensMax: 5 },
        requiredLabels: ["gpu"],
        timeoutSeconds: 60,
        context: { a: "b" },
        metadata: { a: { b: ["c"] } },
        parentTaskId: (await pendingTask()).id,
        dependsOn: [(await pendingTask()).id],
      },
    }),
    createForAttempt: async () => {
      const { ref, token } = await running();
      return { token, body: { ...ref, title: newId(), description: "d", type: "docs" } };
    },
    list: async () => ({
      query: {
        ...{ page: 1, pageSize: 5, status: "queued", type: "docs", priority: "low", repositoryId: newId() },
        ...{ parentTaskId: newId(), isLive: "true", search: "x", sort: "priority", order: "asc" },
      },
    }),
    get: () => reader(),
    update: async () => ({
      params: { taskId: (await pendingTask()).id },
      body: {
        ...{ title: "t", description: "d", priority: "low", permissionLevel: "supervised", branchName: "b" },
        ...{ context: { a: "b" }, metadata: { a: { b: ["c"] } }, status: "queued" },
      },
    }),
    delete: async () => ({ params: { taskId: (await failedTask()).taskId } }),
    cancel: async () => ({ params: { taskId: (await running()).claim.task.id }, body: { reason: "no" } }),
    retry: async () => ({ params: { taskId: (await failedTask()).taskId }, body: {} }),
    review: async () => ({
      params: { taskId: await inReview() },
      body: { decision: "approve", comment: "fine" },
    }),
    diff: () => reader(),
    timeline: () => reader({ after: 0, limit: 5 }),
    dependencies: () => reader(),
    addDependency: async () => ({
      params: { taskId: (await pendingTask()).id },
      body: { dependsOnTaskId: (await pendingTask()).id },
    }),
    removeDependency: async () => {
      const other = await pendingTask();
      const task = await fixture.createTask({ enqueue: false, dependsOn: [other.id] });
      return { params: { taskId: task.id, dependsOnTaskId: other.id } };
    },
  };
};

export const workersRequests = ({ fixture, worker, running }: RequestSteps) => {
  const { workers } = endpoints;
  return {
    register: async () => ({
      token: fixture.app.workerKey,
      body: withBody(workers.register, {
        ...{
          name: "other",
          instanceId: newId(),
          timeoutSeconds: 5,
          contextWindowSize: 5,
          config: { a: { b: 1 } },
        },
      }),
    }),
    list: async () => ({ query: { page: 1, pageSize: 5, status: "idle,busy" } }),
    get: async () => ({ params: { workerId: worker.id } }),
    heartbeat: async () => {
      // One of its own: a fault that it reports keeps it from claiming.
      const { id, instanceId } = await fixture.registerWorker();
      const body = withBody(workers.heartbeat, { instanceId, orders: [(await running()).ref], fault: null });
      return { token: fixture.app.workerKey, params: { workerId: id }, body };
    },
    commands: async () => ({
      token: fixture.app.workerKey,
      params: { workerId: worker.id },
      query: { after: 0, waitSeconds: 0, instanceId: worker.instanceId },
    }),
    metrics: async () => ({ params: { workerId: worker.id }, query: { limit: 5 } }),
    drain: async () => ({
      params: { workerId: (await fixture.registerWorker()).id },
      body: { reason: "update" },
    }),
    deregister: async () => ({
      params: { workerId: (await fixture.registerWorker()).id },
      query: { force: "true" },
    }),
  };
};

export const executionsRequests = ({ worker, running, transcriptOf, reader }: RequestSteps) => {
  const { executions } = endpoints;
  return {
    list: async () => ({
      query: { page: 1, pageSize: 5, taskId: newId(), workerId: worker.id, status: "running", kind: "run" },
    }),
    get: () => reader(),
    logs: () => reader({ after: 0, limit: 5, level: "info" }),
    appendLog: async () => ({
      ...(await running()),
      body: {
        offset: 0,
        text: `${JSON.stringify({ at: "2026-01-01T00:00:00Z", level: "info", source: "agent", message: "m" })}\n`,
      },
    }),
    progress: async () => ({
      ...(await running()),
      body: fc.sample(
        fc.constantFrom(
          { kind: "phase", phase: "run", detail: "d" },
          { kind: "plan", steps: ["a"] },
          { kind: "tool", name: "n", summary: "s", isError: false },
          { kind: "model", detail: "d" },
          exampleOf(executions.progress).body,
        ),
        { numRuns: 1, seed: 20_260_101 },
      )[0],
    }),
    artifacts: () => reader(),
    // Its bytes are no JSON; the artifacts' own tests ask what it makes of hostile queries.
    uploadArtifact: null,
    downloadArtifact: async () => {
      const { claim } = await running();
      return { params: { artifactId: await transcriptOf(claim.executionId, claim.task.id) } };
    },
    createCheckpoint: async () => {
      const { claim, params, token } = await running();
      const transcriptArtifactId = await transcriptOf(claim.executionId, claim.task.id);
      const snapshotArtifactId = await transcriptOf(claim.executionId, claim.task.id);
      const change = { transcriptArtifactId, snapshotArtifactId, data: { a: { b: 1 } } };
      return { params, token, body: withBody(executions.createCheckpoint, change) };
    },
  };
};
