import { z } from "zod";
import { workerMetricsSeriesSchema } from "../resources/system.ts";
import {
  workerCommandSchema,
  workerHeartbeatReplySchema,
  workerHeartbeatSchema,
  workerListSchema,
  workerQuerySchema,
  workerRegisteredSchema,
  workerRegisterSchema,
  workerSchema,
} from "../resources/worker.ts";
import { idSchema } from "../scalars.ts";
import { defineEndpoint } from "./endpoint.ts";

const params = z.object({ workerId: idSchema });
const tag = "workers";

export const workerEndpoints = {
  register: defineEndpoint({
    method: "POST",
    path: "/api/v1/workers",
    permission: "worker:register",
    tag,
    summary: "Register a worker process",
    body: workerRegisterSchema,
    response: workerRegisteredSchema,
    status: 201,
  }),
  list: defineEndpoint({
    method: "GET",
    path: "/api/v1/workers",
    permission: "workers:read",
    tag,
    summary: "List workers",
    query: workerQuerySchema,
    response: workerListSchema,
    status: 200,
  }),
  get: defineEndpoint({
    method: "GET",
    path: "/api/v1/workers/:workerId",
    permission: "workers:read",
    tag,
    summary: "Read a worker",
    params,
    response: workerSchema,
    status: 200,
  }),
  heartbeat: defineEndpoint({
    method: "POST",
    path: "/api/v1/workers/:workerId/heartbeat",
    permission: "worker:work",
    tag,
    summary: "Renew the leases of the orders whose executor answers",
    params,
    body: workerHeartbeatSchema,
    response: workerHeartbeatReplySchema,
    status: 200,
  }),
  commands: defineEndpoint({
    method: "GET",
    path: "/api/v1/workers/:workerId/commands",
    permission: "worker:work",
    tag,
    summary: "Wait for commands after a position",
    params,
    query: z.object({
      after: z.coerce.number().int().min(0).default(0),
      waitSeconds: z.coerce.number().min(0).max(50).default(25),
      instanceId: idSchema,
    }),
    response: z.object({ items: z.array(workerCommandSchema) }).meta({ id: "WorkerCommandList" }),
    status: 200,
  }),
  metrics: defineEndpoint({
    method: "GET",
    path: "/api/v1/workers/:workerId/metrics",
    permission: "workers:read",
    tag,
    summary: "CPU, memory and disk over time",
    params,
    query: z.object({ limit: z.coerce.number().int().min(1).max(1_440).default(60) }),
    response: workerMetricsSeriesSchema,
    status: 200,
  }),
  drain: defineEndpoint({
    method: "POST",
    path: "/api/v1/workers/:workerId/drain",
    permission: "workers:admin",
    tag,
    summary: "Let a worker finish or release what it holds and take nothing new",
    params,
    body: z.object({ reason: z.string().max(1_000).default("") }).meta({ id: "WorkerDrain" }),
    response: workerSchema,
    status: 200,
  }),
  deregister: defineEndpoint({
    method: "DELETE",
    path: "/api/v1/workers/:workerId",
    permission: "worker:register",
    tag,
    summary: "Deregister a worker; refused while it holds work unless forced",
    params,
    query: z.object({ force: z.enum(["true", "false"]).default("false") }),
    response: null,
    status: 204,
  }),
} as const;
