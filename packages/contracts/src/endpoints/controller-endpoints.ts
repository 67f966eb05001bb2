import { z } from "zod";
import { controllerExamples } from "../examples/controller-examples.ts";
import {
  controllerHeartbeatSchema,
  controllerListSchema,
  controllerRegisteredSchema,
  controllerRegisterSchema,
  controllerSchema,
} from "../resources/controller.ts";
import { idSchema } from "../scalars.ts";
import { defineEndpoint } from "./endpoint.ts";

const tag = "controllers";
const params = z.object({ controllerId: idSchema });

export const controllerEndpoints = {
  register: defineEndpoint({
    method: "POST",
    path: "/api/v1/controllers",
    permission: "controller:register",
    tag,
    summary: "Introduce a controller process; the same name takes over from an earlier process",
    body: controllerRegisterSchema,
    response: controllerRegisteredSchema,
    status: 201,
    example: controllerExamples.register,
  }),
  heartbeat: defineEndpoint({
    method: "POST",
    path: "/api/v1/controllers/:controllerId/heartbeat",
    permission: "controller:work",
    tag,
    summary: "Say that it is there, and how it does",
    params,
    body: controllerHeartbeatSchema,
    response: controllerSchema,
    status: 200,
    example: controllerExamples.heartbeat,
  }),
  deregister: defineEndpoint({
    method: "POST",
    path: "/api/v1/controllers/:controllerId/deregister",
    permission: "controller:work",
    tag,
    summary: "Say that it leaves",
    params,
    body: z.object({ instanceId: idSchema }).meta({ id: "ControllerDeregister" }),
    response: null,
    status: 204,
    example: controllerExamples.deregister,
  }),
  list: defineEndpoint({
    method: "GET",
    path: "/api/v1/controllers",
    permission: "workers:read",
    tag,
    summary: "List controllers",
    response: controllerListSchema,
    status: 200,
    example: controllerExamples.list,
  }),
} as const;
