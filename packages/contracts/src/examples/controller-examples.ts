import { at, ids } from "./sample-resources.ts";

const controllerId = "0192f0c1-7a10-7c11-8a01-000000000032";
const params = { controllerId };
const usage = {
  inputTokens: 5_200,
  outputTokens: 310,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  costUsd: 0.02,
};
const metrics = {
  answered: 4,
  handedOver: 2,
  refusedReplies: 1,
  modelFailures: 0,
  usage,
  thinkingMsP50: 820,
};
const controller = {
  id: controllerId,
  name: "controller-1",
  status: "online",
  version: "0.1.0",
  model: "anthropic/claude-sonnet-4-5",
  isScripted: false,
  metrics,
  fault: "",
  registeredAt: at(1),
  lastHeartbeatAt: at(3),
};

export const controllerExamples = {
  register: {
    body: { name: controller.name, instanceId: ids.instance, version: "0.1.0", model: controller.model },
    response: { controller, heartbeatMs: 15_000, leaseMs: 6_000 },
  },
  heartbeat: { params, body: { instanceId: ids.instance, metrics }, response: controller },
  deregister: { params, body: { instanceId: ids.instance } },
  list: { response: { items: [controller] } },
};
