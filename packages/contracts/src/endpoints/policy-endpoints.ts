import { z } from "zod";
import { policyExamples } from "../examples/policy-examples.ts";
import { pageQuerySchema } from "../pagination.ts";
import {
  policyActivateSchema,
  policyCreateSchema,
  policyDetailSchema,
  policyDiffSchema,
  policyListSchema,
  policySimulateSchema,
  policySimulationSchema,
} from "../resources/policy.ts";
import { defineEndpoint } from "./endpoint.ts";

const tag = "policies";
const base = "/api/v1/policies";
const versionSchema = z.coerce.number().int().min(1).max(2_147_483_647);
const params = z.object({ version: versionSchema });

export const policyEndpoints = {
  list: defineEndpoint({
    method: "GET",
    path: base,
    permission: "policies:read",
    tag,
    summary: "List the versions of the policy, newest first",
    query: pageQuerySchema,
    response: policyListSchema,
    status: 200,
    example: policyExamples.list,
  }),
  active: defineEndpoint({
    method: "GET",
    path: `${base}/active`,
    permission: "policies:read",
    tag,
    summary: "Read the version that is active",
    response: policyDetailSchema,
    status: 200,
    example: policyExamples.active,
  }),
  get: defineEndpoint({
    method: "GET",
    path: `${base}/:version`,
    permission: "policies:read",
    tag,
    summary: "Read a version",
    params,
    response: policyDetailSchema,
    status: 200,
    example: policyExamples.get,
  }),
  diff: defineEndpoint({
    method: "GET",
    path: `${base}/:version/diff`,
    permission: "policies:read",
    tag,
    summary: "Compare a version with another one, by default the one it was based on",
    params,
    query: z.object({ against: versionSchema.optional() }),
    response: policyDiffSchema,
    status: 200,
    example: policyExamples.diff,
  }),
  create: defineEndpoint({
    method: "POST",
    path: base,
    permission: "policies:write",
    tag,
    summary: "Write a new version and activate it; refused when somebody else was quicker",
    body: policyCreateSchema,
    response: policyDetailSchema,
    status: 201,
    isIdempotent: true,
    example: policyExamples.create,
  }),
  activate: defineEndpoint({
    method: "POST",
    path: `${base}/:version/activate`,
    permission: "policies:write",
    tag,
    summary: "Bring the content of a version back, as a new version",
    params,
    body: policyActivateSchema,
    response: policyDetailSchema,
    status: 201,
    isIdempotent: true,
    example: policyExamples.activate,
  }),
  simulate: defineEndpoint({
    method: "POST",
    path: `${base}/simulate`,
    permission: "policies:read",
    tag,
    summary: "What another policy would have decided over past worker requests, case by case",
    body: policySimulateSchema,
    response: policySimulationSchema,
    status: 200,
    example: policyExamples.simulate,
  }),
} as const;
