import {
  checkpoint,
  claimedOrder,
  ids,
  pageOfOne,
  repository,
  runSuccess,
  task,
  workOrder,
} from "./sample-resources.ts";

const attempt = { workOrderId: ids.workOrder, attempt: 1 };
const finished = { ...attempt, status: "completed", taskStatus: "in_progress", availableInMs: null };
const emptyLane = { pending: 0, delayed: 0, claimed: 0, parked: 0, oldestPendingSeconds: null };

export const queueExamples = {
  enqueue: { body: { taskId: ids.task, expiresInSeconds: 86_400 }, response: workOrder },
  enqueueBatch: {
    body: { items: [{ taskId: ids.task }, { taskId: ids.otherTask }] },
    response: {
      items: [
        { taskId: ids.task, workOrderId: ids.workOrder, error: null },
        { taskId: ids.otherTask, workOrderId: null, error: "task.illegal_transition" },
      ],
    },
  },
  status: {
    response: {
      lanes: [
        { ...emptyLane, lane: "high_priority", pending: 1, oldestPendingSeconds: 12.5 },
        { ...emptyLane, lane: "default" },
        { ...emptyLane, lane: "low_priority" },
      ],
      deadLetters: 0,
      workerRequests: 0,
      controllerResponses: 0,
    },
  },
  orders: { query: { isDeadLetter: "true" }, response: pageOfOne({ ...workOrder, status: "failed" }) },
  requeue: { body: { workOrderId: ids.workOrder }, response: workOrder },
  claim: {
    body: {
      workerId: ids.worker,
      instanceId: ids.instance,
      taskTypes: ["bugfix", "feature"],
      labels: ["os=linux"],
      slots: 2,
      waitSeconds: 25,
    },
    response: {
      workOrder: claimedOrder,
      attempt: 1,
      executionId: ids.execution,
      leaseMs: 60_000,
      waitedMs: 1_200,
      attemptToken: "avt_…",
      task: { ...task, status: "in_progress", attempt: 1, assignedTo: ids.worker },
      repository,
      preAllowed: [{ toolClass: "read", ruleId: "default.read-only" }],
      checkpoint,
      correlationId: "0192f0c1-7a10-7c11-8a01-0000000000ff",
    },
  },
  complete: { body: { ...attempt, result: runSuccess }, response: finished },
  fail: {
    body: {
      ...attempt,
      result: {
        outcome: "failed",
        failure: "infrastructure",
        reason: "The model was overloaded for ten minutes.",
        isRetryable: true,
        retryAfterMs: 30_000,
      },
    },
    response: { ...attempt, status: "pending", taskStatus: "queued", availableInMs: 30_000 },
  },
  release: {
    body: { ...attempt, reason: "the worker drains" },
    response: { ...attempt, status: "pending", taskStatus: "queued", availableInMs: 0 },
  },
  park: {
    body: { ...attempt, checkpointId: ids.checkpoint, reason: "waits for an answer" },
    response: { ...attempt, status: "parked", taskStatus: "waiting", availableInMs: null },
  },
  resume: { body: { workOrderId: ids.workOrder, answer: "Clamp at zero." }, response: workOrder },
};
