import { at, capabilities, ids, pageOfOne, worker, workerMetrics } from "./sample-resources.ts";

const params = { workerId: ids.worker };
const command = { position: 3, type: "drain", workOrderId: null, attempt: null, reason: "maintenance" };

export const workerExamples = {
  register: {
    body: {
      name: "build-1",
      instanceId: ids.instance,
      version: "0.1.0",
      maxConcurrentTasks: 2,
      contextWindowSize: 200_000,
      capabilities,
    },
    response: { worker, heartbeatMs: 15_000, leaseMs: 60_000, protocol: 1 },
  },
  list: { query: { status: "idle,busy" }, response: pageOfOne(worker) },
  get: { params, response: worker },
  heartbeat: {
    params,
    body: {
      instanceId: ids.instance,
      orders: [{ workOrderId: ids.workOrder, attempt: 1 }],
      metrics: workerMetrics,
      commandsSeen: 2,
    },
    response: {
      renewed: [{ workOrderId: ids.workOrder, attempt: 1, leaseMs: 60_000 }],
      lost: [],
      commands: [command],
      heartbeatMs: 15_000,
    },
  },
  commands: {
    params,
    query: { after: "2", waitSeconds: "25", instanceId: ids.instance },
    response: { items: [command] },
  },
  metrics: {
    params,
    query: { limit: "60" },
    response: {
      items: [
        {
          sampledAt: at(1),
          activeCount: 1,
          loadAverage: workerMetrics.loadAverage,
          memoryUsedBytes: workerMetrics.memoryUsedBytes,
          diskFreeBytes: workerMetrics.diskFreeBytes,
        },
      ],
    },
  },
  drain: { params, body: { reason: "maintenance" }, response: { ...worker, status: "draining" } },
  deregister: { params, query: { force: "true" } },
};
