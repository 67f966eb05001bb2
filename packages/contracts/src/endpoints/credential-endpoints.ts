import { z } from "zod";
import { credentialExamples, secretExamples } from "../examples/credential-examples.ts";
import {
  attemptCredentialsSchema,
  credentialCreateSchema,
  credentialListSchema,
  credentialSchema,
  credentialUpdateSchema,
  repositorySecretListSchema,
  repositorySecretSchema,
  repositorySecretSetSchema,
  sealRotatedSchema,
  sealRotateSchema,
  sealStateSchema,
  variableNameSchema,
} from "../resources/credential.ts";
import { idSchema } from "../scalars.ts";
import { defineEndpoint } from "./endpoint.ts";

const base = "/api/v1/credentials";
const params = z.object({ credentialId: idSchema });
const tag = "credentials";

export const credentialEndpoints = {
  create: defineEndpoint({
    method: "POST",
    path: base,
    permission: "credentials:manage",
    tag,
    summary: "Store a token or an SSH key for a repository or a host; it is never shown again",
    body: credentialCreateSchema,
    response: credentialSchema,
    status: 201,
    example: credentialExamples.create,
  }),
  list: defineEndpoint({
    method: "GET",
    path: base,
    permission: "credentials:manage",
    tag,
    summary: "List the credentials, without their values",
    query: z.object({ repositoryId: idSchema.optional() }),
    response: credentialListSchema,
    status: 200,
    example: credentialExamples.list,
  }),
  update: defineEndpoint({
    method: "PATCH",
    path: `${base}/:credentialId`,
    permission: "credentials:manage",
    tag,
    summary: "Put another value in place of a credential's, or change its user name or known hosts",
    params,
    body: credentialUpdateSchema,
    response: credentialSchema,
    status: 200,
    example: credentialExamples.update,
  }),
  delete: defineEndpoint({
    method: "DELETE",
    path: `${base}/:credentialId`,
    permission: "credentials:manage",
    tag,
    summary: "Forget a credential",
    params,
    response: null,
    status: 204,
    example: credentialExamples.delete,
  }),
  forAttempt: defineEndpoint({
    method: "GET",
    path: "/api/v1/work-orders/:workOrderId/credentials",
    permission: "attempt:write",
    tag,
    summary: "What the attempt that holds the order needs for its own repository; nobody else is told",
    params: z.object({ workOrderId: idSchema }),
    response: attemptCredentialsSchema,
    status: 200,
    example: credentialExamples.forAttempt,
  }),
} as const;

const ofRepository = "/api/v1/repositories/:repositoryId/secrets";
const secretParams = z.object({ repositoryId: idSchema, name: variableNameSchema });

export const secretEndpoints = {
  list: defineEndpoint({
    method: "GET",
    path: ofRepository,
    permission: "credentials:manage",
    tag,
    summary: "List the test-run secrets of a repository, without their values",
    params: z.object({ repositoryId: idSchema }),
    response: repositorySecretListSchema,
    status: 200,
    example: secretExamples.list,
  }),
  set: defineEndpoint({
    method: "PUT",
    path: `${ofRepository}/:name`,
    permission: "credentials:manage",
    tag,
    summary: "Store an environment variable for the commands that set the repository up and test it",
    params: secretParams,
    body: repositorySecretSetSchema,
    response: repositorySecretSchema,
    status: 200,
    example: secretExamples.set,
  }),
  remove: defineEndpoint({
    method: "DELETE",
    path: `${ofRepository}/:name`,
    permission: "credentials:manage",
    tag,
    summary: "Forget a test-run secret",
    params: secretParams,
    response: null,
    status: 204,
    example: secretExamples.remove,
  }),
  state: defineEndpoint({
    method: "GET",
    path: "/api/v1/secrets",
    permission: "system:admin",
    tag,
    summary: "Which master keys the stored secrets are sealed with",
    response: sealStateSchema,
    status: 200,
    example: secretExamples.state,
  }),
  rotate: defineEndpoint({
    method: "POST",
    path: "/api/v1/secrets/rotate",
    permission: "system:admin",
    tag,
    summary: "Seal every stored secret anew with the newest master key",
    body: sealRotateSchema,
    response: sealRotatedSchema,
    status: 200,
    example: secretExamples.rotate,
  }),
} as const;
